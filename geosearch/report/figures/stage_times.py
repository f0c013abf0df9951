"""The wall time of the stages of a study."""

from __future__ import annotations

import numpy as np

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport
from geosearch.runtime.duration import duration


@style.context()
def plot_stage_times(facts: StudyReport) -> ReportFigure:
    """Draw the wall time of each stage."""
    title = "Wall time"
    stages = [(name, seconds) for name, seconds in facts.stages if seconds > 0]
    total = sum(seconds for _, seconds in stages)
    read = f"Wall time of each stage, over all runs of this study; {duration(total)} in total."
    if not stages:
        return ReportFigure("time", title, read, None, "the first stage")
    figure = style.new_figure(0.35 + 0.3 * len(stages))
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
    return ReportFigure("time", title, read, figure)
