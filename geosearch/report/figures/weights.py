"""The weights of the best mixtures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure, finished_trials, trial_label
from geosearch.report.summary import StudyReport
from geosearch.search.trial_record import TrialRecord

SHOWN = 10  # trials
_COLUMNS = (24, 64)  # points to the right of the bars


@style.context()
def plot_weights(facts: StudyReport) -> ReportFigure:
    """Draw the weights of the best trials as stacked bars."""
    title = "Weights of the best mixtures"
    read = (
        "One bar per trial, the best at the top. The concentration is that of the Dirichlet distribution from which "
        "each image's weights are drawn: with ∞ all images have the same weights, with 0 each comes from one source."
    )
    shown = sorted(finished_trials(facts), key=lambda t: (t is not facts.best, t.error, t.number))[:SHOWN]
    if not shown:
        return ReportFigure("weights", title, read, None, "the first finished trial")
    columns = 2 if max(len(source.name) for source in facts.sources) > 12 else 3
    figure = style.new_figure(0.75 + 0.33 * len(shown) + 0.18 * math.ceil(len(facts.sources) / columns))
    axes = figure.add_subplot()
    rows = np.arange(len(shown))
    shares = np.array([trial.weights for trial in shown])  # (k, m)
    starts = np.cumsum(shares, axis=1) - shares
    for i, source in enumerate(facts.sources):
        colour, hatch = style.source_fill(i)
        axes.barh(
            rows, shares[:, i], left=starts[:, i], height=0.72, color=colour, hatch=hatch,
            edgecolor=style.PAPER, linewidth=0.6, label=style.shorten(source.name, 24 if columns == 2 else 14),
        )  # fmt: skip
        for row in rows[shares[:, i] >= 0.13]:
            axes.text(
                starts[row, i] + shares[row, i] / 2, row, f"{100 * shares[row, i]:.0f}", ha="center", va="center",
                color=style.text_color_on(colour), fontsize=8,
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 1} if hatch else None,
            )  # fmt: skip
    for row, trial in enumerate(shown):
        own = {"color": style.BEST, "fontweight": "bold"} if trial is facts.best else {}
        for x, text in ((_COLUMNS[0], _concentration(trial)), (_COLUMNS[1], f"{trial.error:.3f}")):
            _beside(axes, x, row, text, va="center", linespacing=1, **own)
    for x, text in zip(_COLUMNS, ("concen-\ntration", "squared\nerror"), strict=True):
        _beside(axes, x, -0.6, text, va="bottom", fontsize=8, color=style.MUTED, linespacing=1)
    axes.set_yticks(rows, [style.wrap(trial_label(trial, facts), 17) for trial in shown], linespacing=1)
    axes.set_ylim(len(shown) - 0.5, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.legend(
        loc="outside upper left", ncols=columns, handlelength=1.1, handleheight=0.9, handletextpad=0.5,
        columnspacing=1.2, borderpad=0,
    )  # fmt: skip
    return ReportFigure("weights", title, read, figure)


def _beside(axes: Axes, points: float, row: float, text: str, **text_style: Any) -> None:
    """Write a cell of a column to the right of the axes, `points` away from them."""
    axes.annotate(
        text, (1, row), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha="center",
        annotation_clip=False, **text_style,
    )  # fmt: skip


def _concentration(trial: TrialRecord) -> str:
    value = f"{trial.concentration:.2g}" if trial.concentration < 100 else f"{trial.concentration:.0f}"
    value = value.replace("inf", "∞")
    return f"{value}\nMixup" if trial.pairing == "random" else value
