"""Figures made of named rows: what the best mixtures are made of, the confirmation, the time of the stages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from geosearch.confirmation.statistics import BEST, Confirmation, t_half_width
from geosearch.report.figures import style
from geosearch.report.figures.figure import Picture, ended, title_of
from geosearch.report.summary import StudyReport
from geosearch.runtime.duration import duration
from geosearch.search.trial import TrialRecord

SHOWN = 10  # trials in the figure of weights
_COLUMNS = (24, 64)  # points to the right of its bars


@style.styled()
def weights(facts: StudyReport) -> Picture:
    """What the best trials are made of."""
    title = "What the best mixtures are made of"
    read = (
        "One bar per trial, the best at the top. Concentration says how much the shares vary from image to image: ∞ "
        "mixes every image alike, 0 takes every image from one source."
    )
    shown = sorted(ended(facts), key=lambda t: (t is not facts.best, t.error, t.number))[:SHOWN]
    if not shown:
        return Picture("weights", title, read, None, "the first finished trial")
    columns = 2 if max(len(source.name) for source in facts.sources) > 12 else 3
    figure = style.canvas(0.75 + 0.33 * len(shown) + 0.18 * math.ceil(len(facts.sources) / columns))
    axes = figure.add_subplot()
    rows = np.arange(len(shown))
    shares = np.array([trial.weights for trial in shown])  # (k, m)
    starts = np.cumsum(shares, axis=1) - shares
    for i, source in enumerate(facts.sources):
        colour, hatch = style.shade(i)
        axes.barh(
            rows, shares[:, i], left=starts[:, i], height=0.72, color=colour, hatch=hatch,
            edgecolor=style.PAPER, linewidth=0.6, label=style.shorten(source.name, 24 if columns == 2 else 14),
        )  # fmt: skip
        for row in rows[shares[:, i] >= 0.13]:
            axes.text(
                starts[row, i] + shares[row, i] / 2, row, f"{100 * shares[row, i]:.0f}", ha="center", va="center",
                color=style.ink_on(colour), fontsize=8,
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 1} if hatch else None,
            )  # fmt: skip
    for row, trial in enumerate(shown):
        own = {"color": style.BEST, "fontweight": "bold"} if trial is facts.best else {}
        for x, text in ((_COLUMNS[0], _concentration(trial)), (_COLUMNS[1], f"{trial.error:.3f}")):
            _beside(axes, x, row, text, va="center", linespacing=1, **own)
    for x, text in zip(_COLUMNS, ("concen-\ntration", "squared\nerror"), strict=True):
        _beside(axes, x, -0.6, text, va="bottom", fontsize=8, color=style.MUTED, linespacing=1)
    axes.set_yticks(rows, [style.wrap(title_of(trial, facts), 17) for trial in shown], linespacing=1)
    axes.set_ylim(len(shown) - 0.5, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.legend(
        loc="outside upper left", ncols=columns, handlelength=1.1, handleheight=0.9, handletextpad=0.5,
        columnspacing=1.2, borderpad=0,
    )  # fmt: skip
    return Picture("weights", title, read, figure)


@style.styled()
def confirmation(facts: StudyReport) -> Picture:
    """Every candidate on the test part: one small point per seed, mean and interval."""
    title = "Confirmed on the test part"
    kept = facts.confirmation
    if kept is None:
        read = "The best mixture, every baseline and no pretraining at all, retrained and scored on the test part."
        return Picture("confirmation", title, read, None, "the end of the search")
    read = (
        f"Small points are the {len(kept.seeds)} seeds, the large one their mean, the bar its 95 % interval; further "
        "left is better, the dotted line marks the best mixture."
        if len(kept.seeds) > 1
        else "One point per candidate, a single seed; further left is better, the dotted line marks the best mixture."
    )
    rows = kept.ranked()
    figure = style.canvas(0.85 + 0.3 * len(rows))
    panels = figure.subplots(1, len(kept.adaptations), sharey=True, squeeze=False)[0]
    for axes, adaptation in zip(panels, kept.adaptations, strict=True):
        _dots(axes, kept, adaptation)
        axes.set_title(adaptation, fontsize=9, fontweight="bold" if adaptation == kept.adaptation else "normal")
    panels[0].set_yticks(range(len(rows)), [style.wrap(row.name, 19) for row in rows], linespacing=1)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    for label, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        if row.name == BEST:
            label.set(color=style.BEST, fontweight="bold")
    figure.supxlabel("test error, %", fontsize=9)
    return Picture("confirmation", title, read, figure)


@style.styled()
def time_spent(facts: StudyReport) -> Picture:
    """Wall time of the stages."""
    title = "Where the time went"
    stages = [(name, seconds) for name, seconds in facts.stages if seconds > 0]
    total = sum(seconds for _, seconds in stages)
    read = f"Wall time per stage, over all runs of this study: {duration(total)} in total."
    if not stages:
        return Picture("time", title, read, None, "the first stage")
    figure = style.canvas(0.35 + 0.3 * len(stages))
    axes = figure.add_subplot()
    places = np.arange(len(stages))
    seconds = np.array([value for _, value in stages])
    axes.barh(places, seconds, height=0.62, color=style.BASELINE)
    for place, value in zip(places, seconds, strict=True):
        axes.annotate(
            f"{duration(value)} · {100 * value / total:.0f} %", (value, place), (4, 0), textcoords="offset points",
            va="center",
        )  # fmt: skip
    axes.set_yticks(places, [style.shorten(name, 26) for name, _ in stages])
    axes.set_ylim(len(stages) - 0.45, -0.55)
    axes.set_xlim(0, 1.45 * seconds.max())
    axes.set_xticks([])
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    return Picture("time", title, read, figure)


def _beside(axes: Axes, points: float, row: float, text: str, **look: Any) -> None:
    """A cell of a column to the right of the axes, `points` away from them."""
    axes.annotate(
        text, (1, row), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha="center",
        annotation_clip=False, **look,
    )  # fmt: skip


def _concentration(trial: TrialRecord) -> str:
    value = f"{trial.concentration:.2g}" if trial.concentration < 100 else f"{trial.concentration:.0f}"
    value = value.replace("inf", "∞")
    return f"{value}\nMixup" if trial.pairing == "random" else value


def _dots(axes: Axes, kept: Confirmation, adaptation: str) -> None:
    for place, row in enumerate(kept.ranked()):
        errors = 100 * np.array(row.top1_errors[adaptation])
        colour = style.BEST if row.name == BEST else style.BASELINE
        half = t_half_width(errors)
        if math.isfinite(half):
            axes.plot([errors.mean() - half, errors.mean() + half], [place] * 2, color=colour, linewidth=2, alpha=0.55)
        seeds = axes.scatter(errors, np.full(len(errors), place), s=9, color=colour, alpha=0.5, linewidths=0, zorder=3)
        style.named(seeds, f"seeds of {row.name}")
        axes.scatter([errors.mean()], [place], s=34, color=colour, edgecolors=style.PAPER, linewidths=0.8, zorder=4)
    axes.axvline(100 * kept.row(BEST).mean(adaptation), color=style.BEST, linewidth=0.9, linestyle=":", zorder=1)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
