"""The history of a search: validation errors in the order of the trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from geosearch.mixture.baselines import SEARCHED
from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure, finished_trials, group_trials, squared_errors, trial_label
from geosearch.report.summary import StudyReport
from geosearch.search.trial_record import TrialRecord


@style.context()
def plot_history(facts: StudyReport) -> ReportFigure:
    """Draw the errors in the order of the trials, the best so far as a line, and name the baselines."""
    title = "Search history"
    read = (
        "Each point is one mixture; the line is the smallest error so far. Baselines are named at the right: the "
        "search has found a better mixture, by validation error, where the line is below all of them."
    )
    done = finished_trials(facts)
    if not done:
        return ReportFigure("history", title, read, None, "the first finished trial")
    place = {trial.number: i for i, trial in enumerate(facts.trials, 1)}
    named = [trial for trial in done if trial.role != SEARCHED or trial is facts.best]
    figure = style.new_figure(max(3.4, 1.2 + 0.16 * len(named)))
    axes = figure.add_subplot()
    for group, marker_style in group_trials(facts, done):
        axes.scatter([place[trial.number] for trial in group], squared_errors(group), **marker_style)
    best_so_far = np.minimum.accumulate(squared_errors(done))
    end = len(facts.trials) + 0.5
    axes.step(
        [*(place[trial.number] for trial in done), end], [*best_so_far, best_so_far[-1]],
        where="post", color=style.INK, linewidth=1.4, zorder=2, label="best so far",
    )  # fmt: skip
    long = [trial for trial in done if trial.long_error is not None]
    if long:
        at = [place[trial.number] for trial in long]
        after = np.array([trial.long_error for trial in long], dtype=float)
        read += " Squares: error after training with the long recipe, which decides the best mixture."
        axes.vlines(at, after, squared_errors(long), color=style.MUTED, linewidth=0.7, zorder=1)
        axes.scatter(
            at, after, marker="s", s=22, facecolors="none", edgecolors=style.INK,
            linewidths=0.9, zorder=3, label="after the long recipe",
        )  # fmt: skip
    if failed := [place[trial.number] for trial in facts.failed]:
        axes.plot(
            failed, [0.02] * len(failed), "x", color=style.MUTED, ms=5, transform=axes.get_xaxis_transform(),
            label="failed",
        )  # fmt: skip
    axes.set_xlim(0.5 - 0.02 * end, end)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(y=0.1)
    axes.set_xlabel("trial")
    axes.set_ylabel("squared validation error")
    _margin_names(figure, facts, named)
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.4, columnspacing=1.1, borderpad=0)
    return ReportFigure("history", title, read, figure)


def _margin_names(figure: Figure, facts: StudyReport, named: Sequence[TrialRecord]) -> None:
    """Write names to the right of the axes at the height of the errors, moved apart where they would overlap."""
    axes, errors = figure.axes[0], squared_errors(named)
    low, high = axes.get_ylim()
    gap = (high - low) * 0.165 / max(figure.get_figheight() - 1.0, 1.0)
    margin = offset_copy(axes.get_yaxis_transform(), figure, x=12, units="points")
    for trial, error, place in zip(named, errors, style.separate(errors, gap, low, high), strict=True):
        best = trial is facts.best
        colour = style.BEST if best else style.BASELINE
        name = f"best: {trial_label(trial, facts).removeprefix('best, ')}" if best else trial.role
        axes.axhline(error, color=colour, linewidth=0.6, alpha=0.3, zorder=0)
        axes.annotate(
            style.shorten(name, 26), (1, error), (1, place), xycoords=axes.get_yaxis_transform(),
            textcoords=margin, va="center", fontsize=8, color=colour, fontweight="bold" if best else "normal",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )  # fmt: skip
