"""Normalization: from stored images to what a pretrained network was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Normalization:
    """Resizing to the resolution of a network, and its normalization.

    Attributes:
        size: side of the images that the network gets, pixels.
        mean: of its training images, for each of three channels in [0, 1].
        std: their standard deviation.
        interpolation: "bicubic" or "bilinear".

    Example:
        >>> import numpy as np
        >>> from geosearch.nn import Normalization
        >>> halves = Normalization(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bilinear")
        >>> halves(np.full((2, 8, 8, 1), 255, np.uint8)).mean().item()
        1.0
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str

    def __call__(self, images: np.ndarray | torch.Tensor) -> torch.Tensor:
        """uint8 (b, h, w, ch), or float32 (b, ch, h, w) in [0, 1], ch = 1 or 3 -> float32 (b, 3, size, size)."""
        if isinstance(images, torch.Tensor):
            pixels = images
        else:
            pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(255.0)
        side = max(pixels.shape[-2:])
        if pixels.shape[-2:] != (self.size, self.size):
            # smoothed only where it shrinks: elsewhere torch's antialiasing takes another cubic
            smoothed = {"antialias": True} if side > self.size else {}
            pixels = F.interpolate(  # torch interpolates channels that lie apart three times as fast
                pixels.contiguous(), (self.size, self.size), mode=self.interpolation, align_corners=False, **smoothed
            ).clamp(0.0, 1.0)
        mean, std = (pixels.new_tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (pixels - mean) / std  # one channel becomes three
