"""The confirmation: test errors of the best mixture and the baselines."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST
from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport


@style.context()
def plot_confirmation(facts: StudyReport) -> ReportFigure:
    """Draw the test errors of all rows: a small point per seed, the mean and its interval."""
    kept = facts.confirmation
    title = f"{kept.error if kept else 'test error'}s".capitalize()
    if kept is None:
        read = "Test errors of the best mixture, the baselines and no pretraining, after the long recipe."
        return ReportFigure("confirmation", title, read, None, "the end of the search")
    read = f"{_points(kept)} Further left is better; the dotted line marks the best mixture."
    rows = kept.ranked()
    figure = style.new_figure(0.85 + 0.3 * len(rows))
    panels = figure.subplots(1, len(kept.adaptations), sharey=True, squeeze=False)[0]
    for axes, adaptation in zip(panels, kept.adaptations, strict=True):
        _dots(axes, kept, adaptation)
        axes.set_title(adaptation, fontsize=9, fontweight="bold" if adaptation == kept.adaptation else "normal")
    panels[0].set_yticks(range(len(rows)), [style.wrap(row.name, 19) for row in rows], linespacing=1)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    for label, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        if row.name == BEST:
            label.set(color=style.BEST, fontweight="bold")
    figure.supxlabel(f"{kept.error}, %", fontsize=9)
    return ReportFigure("confirmation", title, read, figure)


def _points(kept: Confirmation) -> str:
    """What points and bars are, in words."""
    if len(kept.seeds) > 1:
        return f"Small points are the {len(kept.seeds)} seeds, large points their mean, bars its {kept.interval}."
    return (
        f"Points are means, bars their {kept.interval}." if kept.has_intervals else "One point per row, a single seed."
    )


def _dots(axes: Axes, kept: Confirmation, adaptation: str) -> None:
    for place, row in enumerate(kept.ranked()):
        if adaptation not in row.top1_errors:
            continue
        errors = 100 * np.array(row.top1_errors[adaptation])
        colour = style.BEST if row.name == BEST else style.BASELINE
        half = 100 * row.half_width(adaptation)
        if math.isfinite(half):
            axes.plot([errors.mean() - half, errors.mean() + half], [place] * 2, color=colour, linewidth=2, alpha=0.55)
        seeds = axes.scatter(errors, np.full(len(errors), place), s=9, color=colour, alpha=0.5, linewidths=0, zorder=3)
        style.set_hidden_label(seeds, f"seeds of {row.name}")
        axes.scatter([errors.mean()], [place], s=34, color=colour, edgecolors=style.PAPER, linewidths=0.8, zorder=4)
    if adaptation in kept.row(BEST).top1_errors:
        axes.axvline(100 * kept.row(BEST).mean(adaptation), color=style.BEST, linewidth=0.9, linestyle=":", zorder=1)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
