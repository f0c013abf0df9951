"""What each source is worth to the best mixture."""

from __future__ import annotations

import numpy as np

from geosearch.report.figures import style
from geosearch.report.figures.figure import Picture
from geosearch.report.summary import StudyReport


@style.styled()
def worth(facts: StudyReport) -> Picture:
    """A bar for each source of the best mixture: how much worse it gets without it."""
    title = "What each source is worth"
    read = (
        "The best mixture was trained on once more without each of its sources. A bar to the right: the error grew by "
        "that much, so the source helps; to the left: the mixture did better without it, that once. The line is what "
        "the search's own model expects, within two standard deviations."
    )
    rows = facts.left_out
    if not rows:
        waits = "a run with confirm.explain whose best mixture has two sources or more"
        return Picture("worth", title, read, None, waits)
    figure = style.canvas(0.75 + 0.4 * len(rows))
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        if row.added is not None:
            colour = style.BEST if row.added > 0 else style.SEARCHED
            axes.barh([place], [row.added], height=0.55, color=colour)
        if row.expected is not None and row.deviation is not None:
            ends = row.expected + 2 * row.deviation * np.array([-1.0, 1.0])
            axes.plot(ends, [place, place], color=style.INK, linewidth=1.1)
            axes.plot([row.expected], [place], "|", color=style.INK, markersize=9)
    names = [style.wrap(f"{style.shorten(row.source, 26)} ({100 * row.share:.0f} %)", 19) for row in rows]
    axes.set_yticks(range(len(rows)), names, linespacing=1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("added squared validation error without the source")
    axes.spines["left"].set_visible(False)
    return Picture("worth", title, read, figure)
