"""The ablation: how much each source contributes to the best mixture."""

from __future__ import annotations

import numpy as np

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport


@style.context()
def plot_ablation(facts: StudyReport) -> ReportFigure:
    """Draw a bar for each source of the best mixture: the change of the error without it."""
    title = "Contribution of each source"
    read = (
        "A network was trained on the best mixture without each of its sources, once per source. A bar to the right: "
        "the error is larger without the source, so the source helps; to the left: the error is smaller without it. "
        "The thin line is the prediction of the search's surrogate model, ± two standard deviations."
    )
    rows = facts.left_out
    if not rows:
        waits = "a run with confirm.explain whose answer is a best mixture of at least two sources"
        return ReportFigure("worth", title, read, None, waits)
    figure = style.new_figure(0.75 + 0.4 * len(rows))
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        if row.added is not None:
            colour = style.BEST if row.added > 0 else style.SEARCHED
            axes.barh([place], [row.added], height=0.55, color=colour)
        if row.expected is not None and row.deviation is not None:
            ends = row.expected + 2 * row.deviation * np.array([-1.0, 1.0])
            axes.plot(ends, [place, place], color=style.INK, linewidth=1.1)
            axes.plot([row.expected], [place], "|", color=style.INK, markersize=9)
    names = [f"{style.wrap(row.source, 15)} ({100 * row.share:.0f} %)" for row in rows]
    axes.set_yticks(range(len(rows)), names, linespacing=1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("increase of squared error without the source")
    axes.spines["left"].set_visible(False)
    return ReportFigure("worth", title, read, figure)
