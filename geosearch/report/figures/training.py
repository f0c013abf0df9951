"""How trained maps were trained: their losses, source by source."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from geosearch.report.figures import style
from geosearch.report.figures.figure import Picture
from geosearch.report.summary import StudyReport

LABELS = {"cost": "ground cost", "map_loss": "map's loss", "potential_gap": "potential's gap"}


@style.styled()
def training(facts: StudyReport) -> Picture:
    """One panel per curve, one line per source, smoothed by a running mean."""
    title = "How the maps were trained"
    read = (
        "One line per source. A sound training levels out: the cost settles, and the potential's gap, which is what "
        "still tells the pushed images from the source's, falls towards zero. A gap that keeps growing is a map that "
        "did not arrive."
    )
    if not facts.curves:
        return Picture("training", title, read, None, "maps that are trained (transport.map)")
    panels = [name for name in facts.curves[0][1] if name != "step"]
    figure = style.canvas(0.5 + 1.35 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        for i, (source, curves) in enumerate(facts.curves):
            steps, values = curves["step"], smoothed(curves[panel])
            dashed = "--" if style.shade(i)[1] else "-"
            axis.plot(steps, values, dashed, color=style.shade(i)[0], linewidth=1.2, label=style.shorten(source, 28))
        axis.set_ylabel(style.wrap(LABELS.get(panel, panel), 12))
        axis.yaxis.set_major_locator(MaxNLocator(4))
        axis.margins(x=0.01)
    axes[-1].set_xlabel("steps of the potential")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=2, columnspacing=1.1, borderpad=0)
    return Picture("training", title, read, figure)


def smoothed(values: np.ndarray, window: int = 9) -> np.ndarray:
    """Running mean over `window` values, shorter at both ends: (k,) -> (k,)."""
    window = min(window, len(values))
    sums = np.convolve(values, np.ones(window), "same")
    return sums / np.convolve(np.ones(len(values)), np.ones(window), "same")
