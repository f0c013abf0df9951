"""Normalization: normalization as the network knows it, one channel made three, resizing as it was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from geosearch.nn.normalization import Normalization

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)


def test_images_are_normalized() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    x = Normalization(8, MEAN, STD, "bicubic")(images)
    np.testing.assert_allclose(x[1, 2].numpy(), (images[1, :, :, 2] / 255 - 0.3) / 0.125, rtol=1e-5)


def test_one_channel_becomes_three() -> None:
    x = Normalization(8, MEAN, STD, "bilinear")(np.full((1, 8, 8, 1), 255, np.uint8))
    np.testing.assert_allclose(x[0, :, 0, 0].numpy(), [0.9 / 0.5, 0.8 / 0.25, 0.7 / 0.125], rtol=1e-5)


@pytest.mark.parametrize("side", [4, 32])
def test_images_are_resized_within_their_range(side: int) -> None:
    images = torch.rand(2, 3, side, side).round()
    x = Normalization(16, (0.0,) * 3, (1.0,) * 3, "bicubic")(images)  # type: ignore[arg-type]
    assert x.shape == (2, 3, 16, 16)
    assert x.min() >= 0
    assert x.max() <= 1
    if side < 16:
        expected = F.interpolate(images, (16, 16), mode="bicubic", align_corners=False).clamp(0, 1)
        torch.testing.assert_close(x, expected)
