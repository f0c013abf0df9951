"""The tables and the figure of reports/curation.md, from reports/data/curation.jsonl.

python -m research.curation.curation --table
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geosearch.confirmation.intervals import t_half_width
from geosearch.report.figures import style

Line = Mapping[str, Any]
METHODS = (
    "derivative, as published",
    "derivative, second round",
    "leave-one-out loss",
    "training loss",
    "confident learning",
)
NARROWER = "second round, and another label likely"


def tables(lines: Sequence[Line]) -> list[str]:
    """Markdown: means and standard deviations over the seeds."""
    return [*_detection(lines), "", *_mended(lines, "noise"), "", *_mended(lines, "polluted"), "", *_extension(lines)]


def draw(lines: Sequence[Line], folder: Path) -> None:
    """Error against the samples taken from a polluted pool, a panel a set; a line for each seed."""
    with style.context():
        figure = extension_figure(lines)
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / "curation-extend.png", dpi=160)


def extension_figure(lines: Sequence[Line]) -> Figure:
    names = _sets(lines, "extend")
    figure = Figure(figsize=(7.6, 2.3), layout="constrained")
    for axes, name in zip(figure.subplots(1, max(len(names), 1), squeeze=False)[0], names, strict=False):
        for line in _of(lines, "extend", name):
            axes.plot(line["even"], line["random"], "--", color=style.SEARCHED, lw=1)
            axes.plot(line["sizes"], line["errors"], "-", color=style.BEST, lw=1.2)
            taken = line["sizes"].index(line["taken"])
            axes.plot(line["taken"], line["errors"][taken], "*", color=style.BEST, ms=9)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("samples taken")
        axes.set_ylim(0, None)
        axes.locator_params(axis="x", nbins=4)
    figure.axes[0].set_ylabel("test error, %")
    figure.axes[0].plot([], [], "-", color=style.BEST, label="derivative (star: its stop)")
    figure.axes[0].plot([], [], "--", color=style.SEARCHED, label="random")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _of(lines: Sequence[Line], task: str, name: str) -> list[Line]:
    return [line for line in lines if (line["asked"]["task"], line["asked"]["set"]) == (task, name)]


def _sets(lines: Sequence[Line], task: str) -> list[str]:
    return list(dict.fromkeys(line["asked"]["set"] for line in lines if line["asked"]["task"] == task))


def _spread(values: Sequence[float], digits: int) -> str:
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"


def _detection(lines: Sequence[Line]) -> list[str]:
    names = _sets(lines, "detect")
    rows = ["| F1 / AUC | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for method in METHODS:
        cells = []
        for name in names:
            found = [line["methods"][method] for line in _of(lines, "detect", name)]
            cells.append(" / ".join(_spread([one[key] for one in found], 3) for key in ("f1", "auc")))
        rows.append(f"| {method} | " + " | ".join(cells) + " |")
    narrow = [_spread([line["f1"] for line in _of(lines, "mislabelled", name)] or [np.nan], 3) for name in names]
    return [*rows, f"| {NARROWER} | " + " | ".join(f"{cell} / -" for cell in narrow) + " |"]


def _mended(lines: Sequence[Line], which: str) -> list[str]:
    names = _sets(lines, "reweight")
    ways = list(_of(lines, "reweight", names[0])[0][which]) if names else []
    rows = [f"| test error, %, {which} | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for way in ways:
        cells = []
        for name in names:
            found = _of(lines, "reweight", name)
            text = _spread([line[which][way] for line in found], 1)
            if way != "as it is":
                text += _against([line[which][way] - line[which]["as it is"] for line in found])
            cells.append(text)
        rows.append(f"| {way} | " + " | ".join(cells) + " |")
    return rows


def _extension(lines: Sequence[Line]) -> list[str]:
    names = _sets(lines, "extend")
    rows = ["| test error, % | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    ways = {
        "core alone": lambda line: line["errors"][0],
        "whole pool": lambda line: line["random"][-1],
        "taken by the derivative": lambda line: line["errors"][line["sizes"].index(line["taken"])],
        "as many at random": lambda line: float(np.interp(line["taken"], line["even"], line["random"])),
    }
    for way, of in ways.items():
        cells = []
        for name in names:
            found = _of(lines, "extend", name)
            text = _spread([of(line) for line in found], 1)
            if way == "taken by the derivative":
                text += _against([of(line) - line["random"][-1] for line in found])
            cells.append(text)
        rows.append(f"| {way} | " + " | ".join(cells) + " |")
    for title, key in (("samples taken, of 2,000", "taken"), ("share of them from the right domain", "own")):
        values = [
            [
                100 * line["own"][line["sizes"].index(line["taken"])] if key == "own" else line["taken"]
                for line in _of(lines, "extend", name)
            ]
            for name in names
        ]
        rows.append(f"| {title} | " + " | ".join(_spread(one, 0) + " %" * (key == "own") for one in values) + " |")
    return rows


def _against(differences: Sequence[float]) -> str:
    """Better, worse or tie, by the paired 95 % t interval over the seeds."""
    half = t_half_width(differences)
    mean = float(np.mean(differences))
    if np.isnan(half) or abs(mean) <= half:
        return " (tie)"
    return " (better)" if mean < 0 else " (worse)"
