"""The figures of reports/transfer/, drawn from reports/data. Each is skipped while its data are missing.

python -m research.transfer.figures
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from geosearch.confirmation.row import BEST
from geosearch.mixture.baselines import CLOUD, MIXUP, POOLED, PROJECTION, UNIFORM
from geosearch.report.figures import style
from research.common.lines import Lines
from research.transfer.agreement import agreements, observations, tau_interval
from research.transfer.contest import PROJECTION_TAUGHT
from research.transfer.contest import SHOTS as CONTEST_SHOTS
from research.transfer.regimes import ADAPTATIONS, SHOTS, STEPS, regime
from research.transfer.standings import (
    BEST_SINGLE,
    POOLED_TAUGHT,
    TAUGHT,
    TUNED,
    adaptations,
    named,
    read,
    searched,
    standings,
)
from research.transfer.surfaces import GRID, PARTS, SHELVES, over_grid

ROOT = Path(__file__).parents[2] / "reports"
DATA, FIGURES = ROOT / "data", ROOT / "figures"
WIDE = 7.6  # inches
LARGE = 1_000_000  # bytes
SHOWN = ("closed form", "debiased OTDD, source network", "debiased OTDD, pixels", "leave-one-out")
JUDGE = "episodes, refined labels"
TERNARY = ("mnist/3", "kmnist/3")


def regimes() -> Figure:
    """Gain of the best mixture over the pooled union, against the shots, for each adaptation and length."""
    lines = Lines(DATA / "regimes.jsonl").all()
    targets = sorted({line["asked"]["target"] for line in lines if line["asked"]["steps"] == STEPS[-1]})
    figure = Figure(figsize=(WIDE, 1.9 * len(targets) + 0.4), layout="constrained")
    grid = figure.subplots(len(targets), len(ADAPTATIONS), sharex=True, sharey="row", squeeze=False)
    for axes_row, target in zip(grid, targets, strict=True):
        for axes, adaptation in zip(axes_row, ADAPTATIONS, strict=True):
            for i, steps in enumerate(STEPS):
                found = [regime(lines, target, steps, adaptation, count) for count in SHOTS]
                axes.plot(range(len(SHOTS)), [one.spread for one in found], "o-", ms=3, color=style.SHADES[i], lw=1.2)
                axes.plot(range(len(SHOTS)), [one.noise for one in found], ":", color=style.SHADES[i], lw=1.2)
            axes.set_ylim(0, None)
            axes.set_title(f"{target}, {adaptation}", fontsize=8.5)
        axes_row[0].set_ylabel("points of test error")
    for axes in grid[-1]:
        axes.set_xticks(range(len(SHOTS)), [str(count) for count in SHOTS])
        axes.set_xlabel("shots a class")
    for i, steps in enumerate(STEPS):
        grid[0, 0].plot([], [], "o-", ms=3, color=style.SHADES[i], lw=1.2, label=f"{steps} steps")
    grid[0, 0].plot([], [], ":", color=style.MUTED, label="noise")
    grid[0, 0].legend(fontsize=7)
    return figure


def predictors() -> Figure:
    """Kendall's tau of every single score with the final error: a dot for each target, a bar at their mean."""
    found = {adaptation: {one.name: one for one in agreements(DATA, adaptation)} for adaptation in ADAPTATIONS}
    names = single_scores()
    figure = Figure(figsize=(WIDE, 0.24 * len(names) + 0.9), layout="constrained")
    for axes, adaptation in zip(figure.subplots(1, len(ADAPTATIONS), sharey=True), ADAPTATIONS, strict=True):
        for y, name in enumerate(reversed(names)):
            one = found[adaptation][name]
            axes.plot([np.mean(t) for t in one.taus.values()], [y] * len(one.taus), "o", ms=3, color=style.SEARCHED)
            axes.plot([one.mean], [y], "|", ms=11, mew=2.2, color=style.BEST if name == JUDGE else style.BASELINE)
        axes.axvline(0, color=style.MUTED, lw=0.8)
        axes.set_title(f"final error, {adaptation}", fontsize=8.5)
        axes.set_xlabel("Kendall's tau")
        axes.set_yticks(range(len(names)), list(reversed(names)), fontsize=7.5)
    return figure


def single_scores() -> list[str]:
    """Those that are no pair and no error rate, the best first."""
    names = [one.name for one in agreements(DATA, "ridge")]
    return [name for name in names if " + " not in name and not name.endswith(", rate")]


def correlation(names: Sequence[str] = (*SHOWN, JUDGE)) -> Figure:
    """The paper's figure: distance, or another score, against final accuracy under a ridge head; a point a mixture.

    Means over the seeds, bars of a standard deviation, after each seed's own mean over the mixtures is taken off: other
    shots raise or lower all mixtures together.
    """
    whole = observations(DATA, "ridge")
    targets = list(dict.fromkeys(target for target, _ in whole))
    figure = Figure(figsize=(WIDE, 1.35 * len(names) + 0.3), layout="constrained")
    grid = figure.subplots(len(names), len(targets), sharey="col")
    for axes_column, target in zip(grid.T, targets, strict=True):
        seen = [one for (name, _), one in whole.items() if name == target]
        finals = np.array([one.final for one in seen])
        for axes, name in zip(axes_column, names, strict=True):
            scores = np.array([one.scores[name] for one in seen])
            (x, x_bar), (y, y_bar) = (_over_seeds(values) for values in (scores, 100 - finals))
            colour = style.BEST if name == JUDGE else style.BASELINE
            axes.errorbar(x, y, xerr=x_bar, yerr=y_bar, fmt="o", ms=2.5, color=colour, elinewidth=0.5)
            mean, low, high = tau_interval(scores, finals)
            tau = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
            axes.set_title(f"{target}\n{tau}" if name == names[0] else tau, fontsize=7)
            axes.tick_params(labelsize=6.5)
    for axes, name in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(style.wrap(name, 18), fontsize=7)
    figure.supylabel("final accuracy, %, against", fontsize=7.5)
    return figure


def _over_seeds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the seeds of (seeds, mixtures), what a seed does to all of them taken off."""
    centred = values - values.mean(1, keepdims=True)
    return values.mean(0), centred.std(0, ddof=1)


def ternary() -> Figure:
    """Distance, objective and error over the same triangle, for each target."""
    lines = Lines(DATA / "surfaces.jsonl").all()
    titles = {"proxy": "debiased held-out OTDD", "validation": "objective", "error": "test error, %"}
    figure = Figure(figsize=(1.25 * WIDE, 3.1 * len(TERNARY)), layout="constrained")
    for axes_row, collection in zip(figure.subplots(len(TERNARY), len(titles)), TERNARY, strict=True):
        for axes, (field, title) in zip(axes_row, titles.items(), strict=True):
            values = over_grid(lines, collection, field).mean(0) * (100 if field == "error" else 1)
            _triangle(axes, values, SHELVES[collection], f"{collection.split('/')[0]}: {title}", figure)
    return figure


def _triangle(axes: Axes, values: np.ndarray, sources: tuple[str, ...], title: str, figure: Figure) -> None:
    corners = np.array([[0.5, np.sqrt(0.75)], [0.0, 0.0], [1.0, 0.0]])
    places = np.array(GRID) / PARTS @ corners
    drawn = axes.scatter(*places.T, c=values, cmap=style.ERRORS, s=150, marker="h")
    axes.plot(*places[values.argmin()], "*", color=style.BEST, ms=11)
    for corner, name, shift in zip(corners, sources, ((0, 0.09), (0, -0.12), (0, -0.12)), strict=True):
        axes.text(*(corner + shift), name, ha="center", fontsize=8)
    axes.set_title(title, fontsize=8.5, pad=14)
    axes.set_aspect("equal")
    axes.margins(0.12)
    style.hide_axes(axes)
    figure.colorbar(drawn, ax=axes, shrink=0.7)


def contest(shots: int) -> Figure:
    """Error of the search and of the main rows, a column for each target, a dot for each seed."""
    lines = read(DATA, shots)
    targets = sorted({line["asked"]["target"] for line in lines})
    adaptation = adaptations(lines)[0]
    rows = (
        TAUGHT,
        POOLED_TAUGHT,
        PROJECTION_TAUGHT,
        BEST,
        CLOUD,
        PROJECTION,
        UNIFORM,
        MIXUP,
        POOLED,
        BEST_SINGLE,
        TUNED,
    )
    rows = tuple(row for row in rows if row in {one.row for one in standings(lines, targets[0], adaptation)})
    figure = Figure(figsize=(WIDE, 0.3 * len(rows) * 2 + 1.2), layout="constrained")
    grid = figure.subplots(2, -(-len(targets) // 2), sharey=True, squeeze=False)
    for axes, target in zip(grid.flat, targets, strict=False):
        found = {one.row: one for one in standings(lines, target, adaptation)}
        for y, row in enumerate(reversed(rows)):
            errors = found[row].errors
            colour = style.BEST if row == searched(adaptation) else style.BASELINE
            axes.plot(errors, [y] * len(errors), "o", ms=3, color=style.SEARCHED)
            axes.plot([np.mean(errors)], [y], "|", ms=11, mew=2.2, color=colour)
        axes.set_title(target, fontsize=8.5)
        axes.set_yticks(range(len(rows)), [named(row) for row in reversed(rows)], fontsize=7.5)
    for axes in grid.flat[len(targets) :]:
        style.hide_axes(axes)
    figure.supxlabel(f"test error, % ({shots} shots a class, {adaptation})", fontsize=8.5)
    return figure


def fewer_colours(picture: bytes) -> bytes:
    """The same PNG with a palette of 64 colours, which is a quarter of the size."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(buffer, "png")
    return buffer.getvalue()


def main() -> None:
    drawings: dict[str, tuple[str, Callable[[], Figure]]] = {
        "regimes": ("regimes.jsonl", regimes),
        "predictors": ("predictors.jsonl", predictors),
        "correlation": ("predictors.jsonl", correlation),
        "correlation-all": ("predictors.jsonl", lambda: correlation(single_scores())),
        "ternary": ("surfaces.jsonl", ternary),
        **{f"contest-{shots}-shots": ("contest.jsonl", partial(contest, shots)) for shots in CONTEST_SHOTS},
    }
    for name, (data, draw) in drawings.items():
        if not (DATA / data).exists():
            print(f"{name}: no {DATA / data} yet; skipped")
            continue
        with style.context():
            picture = style.png(draw())
        (FIGURES / f"transfer-{name}.png").write_bytes(picture if len(picture) < LARGE else fewer_colours(picture))
        print(f"{name}: {FIGURES / f'transfer-{name}.png'}")


if __name__ == "__main__":
    main()
