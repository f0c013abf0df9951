"""Image axes: arrays of images in the orders that libraries use, brought to (n, h, w, ch)."""

from __future__ import annotations

from math import isqrt

import numpy as np

from geosearch.errors import InvalidDataError

_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with alpha


def order_axes(images: np.ndarray, name: str, count: int | None = None) -> np.ndarray:
    """An array of images as (n, h, w, ch), ch = 1, 3 or 4 (the fourth is alpha).

    Channels may come first, as in PyTorch, where that is the only reading.

    Args:
        images: (n, h, w), (n, h, w, ch) or (n, ch, h, w).
        name: of the set, for messages.
        count: number of labels, from which other orders are recognized for the message.

    Raises:
        InvalidDataError: they are empty, or of another shape; the message says how to bring them to one of these.

    >>> order_axes(np.zeros((5, 3, 28, 28)), "mine").shape
    (5, 28, 28, 3)
    """
    if images.dtype.kind not in "buif":
        raise InvalidDataError(
            f"set '{name}': expected images of numbers, got dtype {images.dtype}"
            + ("; resize images of mixed shapes to one shape first" if images.dtype.kind == "O" else "")
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.size == 0:
        raise InvalidDataError(f"set '{name}' is empty: its images have shape {images.shape}")
    if images.ndim == 4 and images.shape[-1] in _CHANNELS:
        return images
    if images.ndim == 4 and images.shape[1] in _CHANNELS:
        return np.moveaxis(images, 1, -1)
    raise InvalidDataError(
        f"set '{name}': expected images of shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, h, w, 4), "
        f"got {images.shape}{_way_out(images.shape, count)}"
    )


def _way_out(shape: tuple[int, ...], count: int | None) -> str:
    if len(shape) == 4 and count and shape[-1] == count != shape[0]:
        return "; the images come last: numpy.moveaxis(images, -1, 0)"
    if len(shape) == 4 and shape[-1] == 2:
        return "; if the second channel is alpha, give images[..., 0]"
    if len(shape) == 4:
        return "; save the three channels that are to be seen: images[..., [i, j, k]]"
    if len(shape) == 5:
        return "; save one slice or frame of each, e.g. images[:, images.shape[1] // 2]"
    if len(shape) == 2:
        for channels in (1, 3):
            side = isqrt(shape[1] // channels)
            if channels * side * side == shape[1] and side > 1:
                if channels == 1:
                    return f"; flattened images become such by images.reshape(-1, {side}, {side})"
                return (
                    f"; flattened images become such by images.reshape(-1, {side}, {side}, 3), or by "
                    f"images.reshape(-1, 3, {side}, {side}) if all red values come first, as in CIFAR's files"
                )
    return ""
