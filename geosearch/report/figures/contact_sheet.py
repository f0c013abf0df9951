"""The contact sheet: images in a grid, each with its number and name, for a person to label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from geosearch.data.read_report import printable
from geosearch.report.figures import style

COLUMNS = 5
_CELL = 1.7  # inches
_LETTERS = 22  # of a name, in a cell


@style.context()
def draw_contact_sheet(images: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Draw images in rows, numbered from 1.

    Args:
        images: uint8 (h, w, 1 or 3) each, of any sizes.
        names: of the images.
    """
    rows = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * _CELL, rows * (_CELL + 0.25)), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in grid:
        style.hide_axes(axes)
    for number, (axes, image, name) in enumerate(zip(grid, images, names, strict=False), 1):
        shown = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        axes.imshow(shown, interpolation="nearest")
        axes.set_title(f"{number}\n{style.shorten(printable(name), _LETTERS)}", fontsize=8)
    return figure
