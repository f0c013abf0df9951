"""Images of the target along a path through the hull."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.patches import Rectangle

from geosearch.confirmation.row import BEST
from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport


@style.context()
def plot_path(facts: StudyReport) -> ReportFigure:
    """Draw the same target images at several mixtures."""
    title = "A path through the hull"
    read = (
        "Each column is one target image; each row shows what a mixture maps it to: single sources, half-way between "
        "neighbouring sources, and the best mixture."
    )
    if facts.mixes_activations:
        title = "What each source looks like through its map"
        read = (
            "Each column is one image of the target; below it stands, for each source, the image that the map to this "
            "source sends it to. Maps match whole sets, so an image need not look like its partner."
        )
    if not facts.walk:
        return ReportFigure("walk", title, read, None, "the fit of the maps to the sources")
    steps = len(facts.walk)
    blocks = 1 if steps <= 13 else 2
    k, h, w, _ = facts.walk[0][1].shape
    caption = 1.35 if blocks == 1 else 0.95  # inches
    cell = min(0.56, (style.WIDTH / blocks - caption - 0.1) / k)  # inches, width of an image
    tall, lines = cell * h / w, math.ceil(steps / blocks)
    figure = style.new_figure(lines * tall + 0.1)
    figure.set_layout_engine("none")
    for number, (name, images) in enumerate(facts.walk):
        block, line = divmod(number, lines)
        left = block * style.WIDTH / blocks + caption
        bottom = figure.get_figheight() - 0.05 - (line + 1) * tall
        high = figure.get_figheight()
        axes = figure.add_axes((left / style.WIDTH, bottom / high, k * cell / style.WIDTH, (tall - 0.03) / high))
        axes.imshow(_strip(images), interpolation="none", cmap="gray", vmin=0, vmax=255, aspect="auto")
        axes.set_label(name)
        style.hide_axes(axes)
        best = name == BEST
        limit = 13 if blocks == 2 else 19
        axes.text(
            -0.08 / (k * cell), 0.5, style.wrap(name, limit) if tall > 0.27 else style.shorten(name, limit),
            ha="right", va="center", transform=axes.transAxes, fontsize=8 if blocks == 2 else 8.5, linespacing=1,
            color=style.BEST if best else style.MUTED if name == "half-way" else style.INK,
            fontweight="bold" if best or name == "target" else "normal",
        )  # fmt: skip
        if best:
            frame = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, ec=style.BEST, lw=2, clip_on=False)
            axes.add_patch(frame)
    return ReportFigure("walk", title, read, figure)


def _strip(images: np.ndarray) -> np.ndarray:
    """Images side by side: (k, h, w, ch) -> (h, k * w) or (h, k * w, 3)."""
    strip = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, images.shape[3])
    return strip[..., 0] if images.shape[3] == 1 else strip
