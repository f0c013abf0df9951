"""Orders of axes."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.image_axes import order_axes
from geosearch.errors import InvalidDataError

RGB = np.arange(2 * 6 * 5 * 4, dtype=np.uint8).reshape(2, 6, 5, 4)[..., :3]


def test_usual_orders_come_to_one() -> None:
    assert (order_axes(RGB, "a") == RGB).all()
    assert (order_axes(RGB.transpose(0, 3, 1, 2), "a") == RGB).all()
    grey = RGB[..., 0]
    for images in (grey, grey[..., None], grey[:, None]):
        assert (order_axes(images, "a") == grey[..., None]).all()
    alpha = np.concatenate([RGB, RGB[..., :1]], -1)
    for images in (alpha, alpha.transpose(0, 3, 1, 2)):
        assert (order_axes(images, "a") == alpha).all()


@pytest.mark.parametrize(
    ("shape", "count", "way"),
    [
        ((7, 784), 7, r"images\.reshape\(-1, 28, 28\)"),
        ((7, 3072), 7, r"images\.reshape\(-1, 3, 32, 32\)"),
        ((32, 32, 3, 7), 7, r"numpy\.moveaxis\(images, -1, 0\)"),
        ((7, 9, 9, 2), 7, r"images\[\.\.\., 0\]"),
        ((7, 9, 9, 12), 7, r"images\[\.\.\., \[i, j, k\]\]"),
        ((7, 8, 9, 9, 3), 7, "one slice or frame"),
    ],
)
def test_other_shapes_are_refused_with_the_way_out(shape: tuple[int, ...], count: int, way: str) -> None:
    with pytest.raises(InvalidDataError, match=way) as caught:
        order_axes(np.zeros(shape, np.uint8), "mine", count)
    assert str(shape) in str(caught.value)
    assert "mine" in str(caught.value)


def test_the_way_out_works() -> None:
    assert order_axes(np.zeros((7, 3072)).reshape(-1, 3, 32, 32), "a").shape == (7, 32, 32, 3)
    assert order_axes(np.moveaxis(np.zeros((32, 32, 3, 7)), -1, 0), "a").shape == (7, 32, 32, 3)
