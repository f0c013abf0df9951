"""Two arms of images, on which the nearest shot and chains of neighbours disagree."""

from __future__ import annotations

import numpy as np

from geosearch.data.dataset import LabelledSet


def two_arms(n: int = 20) -> tuple[LabelledSet, np.ndarray, np.ndarray]:
    """Two parallel lines in the plane of the first two pixels, each with a shot at one end, and what is between.

    The far end of a line is nearer to the other line's shot than to its own.
    """
    along = np.linspace(0, 250, n)
    arms = [np.stack([along, np.full(n, height)], 1) for height in (40, 110)]
    images = np.zeros((2 * n, 2, 2, 1), np.uint8)
    images.reshape(2 * n, 4)[:, :2] = np.concatenate(arms).astype(np.uint8)
    truth = np.repeat([0, 1], n)
    shots = [0, 2 * n - 1]
    others = np.setdiff1d(np.arange(2 * n), shots)
    return LabelledSet.from_arrays(images[shots], truth[shots], name="arms"), images[others], truth[others]
