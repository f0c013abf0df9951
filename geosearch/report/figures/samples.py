"""Samples of the best mixture, as the source images that they are made of."""

from __future__ import annotations

import numpy as np

from geosearch.report.figures import style
from geosearch.report.figures.figure import ReportFigure
from geosearch.report.summary import StudyReport

_CAPTION = 1.05  # inches
_LEAST = 0.01  # share of a sample below which an image is not drawn


@style.context()
def plot_samples(facts: StudyReport) -> ReportFigure:
    """Draw the images of each sample with an area in proportion to their shares."""
    title = "What the best mixture holds"
    read = (
        "Each column is a sample of the best mixture: the source images whose activations it is the mean of, each with "
        "an area in proportion to its share. 'geosearch synthesize --rows' lists the images of any number of samples."
    )
    samples = facts.samples
    if samples is None or facts.best is None:
        return ReportFigure("samples", title, read, None, "the first evaluation")
    matched = facts.best.pairing == "transport"
    if matched:
        read += " At the top stands the target image that they were matched to, which is no part of the sample."
    order = np.argsort(-samples.shares.mean(1), kind="stable")
    count = samples.shares.shape[1]
    cell = (style.WIDTH - _CAPTION - 0.05) / count  # inches
    high = cell * (matched + len(order)) + 0.1
    figure = style.new_figure(high)
    figure.set_layout_engine("none")

    def draw(image: np.ndarray, line: int, column: int, share: float, name: str) -> None:
        side = 0.94 * cell * np.sqrt(share)
        left = _CAPTION + (column + 0.5) * cell - side / 2
        bottom = high - 0.05 - (line + 0.5) * cell - side / 2
        axes = figure.add_axes((left / style.WIDTH, bottom / high, side / style.WIDTH, side / high))
        axes.imshow(
            image[..., 0] if image.shape[2] == 1 else image, interpolation="none", cmap="gray", vmin=0, vmax=255
        )
        axes.set_label(name)
        style.hide_axes(axes)

    def caption(name: str, line: int, bold: bool) -> None:
        middle = (high - 0.05 - (line + 0.5) * cell) / high
        figure.text(
            (_CAPTION - 0.08) / style.WIDTH, middle, style.wrap(name, 13), ha="right", va="center", fontsize=8.5,
            linespacing=1, fontweight="bold" if bold else "normal", color=style.INK,
        )  # fmt: skip

    if matched:
        caption("target", 0, bold=True)
        for column, image in enumerate(samples.target):
            draw(image, 0, column, 1.0, "target")
    for line, i in enumerate(order, int(matched)):
        caption(samples.sources[i], line, bold=False)
        for column, (image, share) in enumerate(zip(samples.images[i], samples.shares[i], strict=True)):
            if share >= _LEAST:
                draw(image, line, column, float(share), samples.sources[i])
    return ReportFigure("samples", title, read, figure)
