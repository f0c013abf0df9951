"""The digits of scikit-learn."""

from __future__ import annotations

import numpy as np

from geosearch.data.loaders.digits import digits


def test_digits_use_the_whole_grey_range() -> None:
    data = digits()
    assert data.images.shape == (1797, 8, 8, 1)
    assert (data.images.min(), data.images.max()) == (0, 255)
    assert len(np.unique(data.images)) == 17
    assert np.unique(data.labels).tolist() == list(range(10))
