"""Fit: how images of another aspect ratio become square, one rule for files and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from geosearch.errors import InvalidOptionError

Fit = Literal["crop", "pad", "stretch"]
_LOST = 0.5  # of a typical image, from where on a crop is mentioned


def check_fit(fit: str) -> None:
    """Refuse an unknown rule.

    Raises:
        InvalidOptionError: `fit` is none of "crop", "pad" and "stretch".
    """
    if fit not in get_args(Fit):
        raise InvalidOptionError(f"fit must be 'crop', 'pad' or 'stretch', got {fit!r}")


def make_square(images: np.ndarray, fit: Fit) -> np.ndarray:
    """(n, h, w, ch) -> (n, s, s, ch): s = min(h, w) for "crop", max(h, w) for "pad"; "stretch" leaves it to resizing.

    >>> make_square(np.zeros((1, 2, 6, 3), np.uint8), "crop").shape
    (1, 2, 2, 3)
    """
    check_fit(fit)
    height, width = images.shape[1:3]
    if height == width or fit == "stretch":
        return images
    if fit == "pad":
        return pad_to(images, max(height, width), max(height, width))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]


def pad_to(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, h, w, ch) in the middle of (n, height, width, ch), each on the median color of its own border."""
    n, h, w, channels = images.shape
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    ground = np.median(np.concatenate(sides, axis=1), axis=1).astype(images.dtype)  # (n, ch)
    padded = np.empty((n, height, width, channels), images.dtype)
    padded[:] = ground[:, None, None]
    top, left = (height - h) // 2, (width - w) // 2
    padded[:, top : top + h, left : left + w] = images
    return padded


def kept_share(size: tuple[int, int], wanted: tuple[int, int] = (1, 1)) -> float:
    """Share of an image of `size` (w, h) that a crop to the aspect ratio of `wanted` (w, h) keeps.

    >>> kept_share((240, 24))
    0.1
    """
    one, other = size[0] * wanted[1], size[1] * wanted[0]
    return min(one, other) / max(one, other)


def describe_crop(shares: Sequence[float]) -> str:
    """A note if a crop loses half or more of most images, each of which keeps a share; empty if not."""
    lost = 1 - float(np.median(shares)) if len(shares) else 0.0
    if lost < _LOST:
        return ""
    return (
        f"the images are cropped to the square in their middle, which loses {100 * lost:.0f} % of a typical one; "
        'set domain.fit = "pad" or "stretch" to keep all of it'
    )
