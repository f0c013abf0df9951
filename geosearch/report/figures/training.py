"""The training curves of neural maps."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport

LABELS = {"cost": "ground cost", "map_loss": "map loss", "potential_gap": "potential gap"}


@style.context()
def plot_training(facts: StudyReport) -> ReportFigure:
    """Draw one panel per quantity and one line per source, smoothed by a running mean."""
    title = "Training of the maps"
    read = (
        "One line per source. A training that converges levels out: the cost becomes constant, and the potential gap, "
        "by which mapped images still differ from those of the source, falls towards zero. A gap that keeps growing "
        "means that the map did not converge."
    )
    if not facts.curves:
        return ReportFigure("training", title, read, None, 'neural maps (transport.map = "neural")')
    panels = [name for name in facts.curves[0][1] if name != "step"]
    figure = style.new_figure(0.5 + 1.35 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        for i, (source, curves) in enumerate(facts.curves):
            steps, values = curves["step"], smooth(curves[panel])
            dashed = "--" if style.source_fill(i)[1] else "-"
            axis.plot(
                steps, values, dashed, color=style.source_fill(i)[0], linewidth=1.2, label=style.shorten(source, 28)
            )
        axis.set_ylabel(style.wrap(LABELS.get(panel, panel), 12))
        axis.yaxis.set_major_locator(MaxNLocator(4))
        axis.margins(x=0.01)
    axes[-1].set_xlabel("optimizer steps of the potential")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=2, columnspacing=1.1, borderpad=0)
    return ReportFigure("training", title, read, figure)


def smooth(values: np.ndarray, window: int = 9) -> np.ndarray:
    """Running mean over `window` values, fewer at both ends: (k,) -> (k,)."""
    window = min(window, len(values))
    sums = np.convolve(values, np.ones(window), "same")
    return sums / np.convolve(np.ones(len(values)), np.ones(window), "same")
