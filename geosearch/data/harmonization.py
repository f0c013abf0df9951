"""Harmonization: one image size, one number of channels and one polarity for all sets of a study."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import Fit, make_square
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError

LOGGER = logging.getLogger(__name__)
Polarity = Literal["keep", "light-on-dark"]
Images = TypeVar("Images", bound="LabelledSet | UnlabelledSet")

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Source: ITU-R BT.601
_INK = 64  # grey levels that ink must differ from the background
_FLAT = 32  # grey levels within which a border pixel still counts as background
_INSPECTED = 2000  # images that decide about a set's background and margin
_CHUNK = 1024  # images resized at a time
_COLORED = 32  # grey levels that the channels of a colored pixel differ by, at least


def harmonize(
    data: Images,
    *,
    size: int,
    channels: int,
    fit: Fit = "crop",
    margin: float | None = None,
    polarity: Polarity = "keep",
    judged_by: LabelledSet | None = None,
) -> Images:
    """The same set as (n, size, size, channels), resized with antialiasing.

    Args:
        data: images (n, h, w, ch) of any one shape.
        size: side of the square result in pixels.
        channels: 1 (grey, by ITU-R 601) or 3 (grey images repeat their channel).
        fit: of images that are not square: "crop" takes the square in the middle; "pad" adds a border in the median
            color of each image's own border; "stretch" changes the aspect ratio.
        margin: empty border wanted around the ink, as a fraction of the frame; a set that has less is padded
            with its background first, one that has more stays as it is. Sets without a flat background
            (photographs) are never padded. `ink_margin` of the target is a good value.
        polarity: "light-on-dark" inverts a set whose background is light.
        judged_by: the set whose background and margin decide about inverting and padding; `data` itself if None. For
            a test part give its training part, so that both are treated alike.

    >>> from geosearch.data import load
    >>> harmonize(load("digits"), size=16, channels=3)
    LabelledSet('digits', 1797 images (16, 16, 3), 10 classes)

    Raises:
        InvalidOptionError: an argument out of range.
    """
    if channels not in (1, 3):
        raise InvalidOptionError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
    if not 4 <= size <= 1024:
        raise InvalidOptionError(f"size must lie in 4..1024 pixels, got {size}")
    if margin is not None and not 0 <= margin < 0.5:
        raise InvalidOptionError(f"margin is a fraction of the frame in [0, 0.5), got {margin}")
    if polarity not in ("keep", "light-on-dark"):
        raise InvalidOptionError(f"polarity must be 'keep' or 'light-on-dark', got {polarity!r}")
    images = to_channels(make_square(data.images, fit), channels)
    judge = images if judged_by is None else to_channels(make_square(_subsample(judged_by.images), fit), channels)
    if polarity == "light-on-dark" and has_light_background(judge):
        images, judge = 255 - images, 255 - judge
    if margin is not None and has_flat_background(judge):
        images = _padded(images, margin, _margin(judge), _background(judge))
    return replace(data, images=resize(images, size))


def ink_margin(data: LabelledSet, channels: int = 1, fit: Fit = "crop") -> float:
    """Width of the empty border around the ink of a typical image, as a fraction of the frame: (1 - extent) / 2.

    The extent is the longer side of the bounding box of all pixels that differ from the background; the median over
    the images. MNIST: 4 / 28 = 0.14; USPS, which fills its frame: 0; photographs: 0.

    Args:
        channels, fit: as for `harmonize`.
    """
    images = to_channels(make_square(_subsample(data.images), fit), channels)
    return _margin(images) if has_flat_background(images) else 0.0


def common_shape(sets: Sequence[LabelledSet]) -> tuple[int, int, int]:
    """The image shape (h, w, ch) that all `sets` have.

    Raises:
        DomainMismatchError: their shapes differ, or there is no set.
    """
    if not sets:
        raise DomainMismatchError("expected at least one set, got none")
    for data in sets[1:]:
        if data.shape != sets[0].shape:
            raise DomainMismatchError(
                f"set '{sets[0].name}' has images {sets[0].shape}, set '{data.name}' has {data.shape}; "
                "bring them to one size and number of channels first (geosearch.data.harmonize)"
            )
    return sets[0].shape


def has_flat_background(images: np.ndarray) -> bool:
    """Whether at least half of the border pixels of (n, h, w, ch) are close to one color."""
    border = _border(images).astype(np.int16)
    return bool((np.abs(border - _background(images)) <= _FLAT).all(-1).mean() >= 0.5)


def is_colored(images: np.ndarray) -> bool:
    """Whether color matters in (n, h, w, ch): one image in ten has it in one pixel of a hundred or more."""
    if images.shape[-1] != 3:
        return False
    seen = _subsample(images)
    colored = seen.max(-1) - seen.min(-1) >= _COLORED  # (n, h, w)
    return bool((colored.mean((1, 2)) >= 0.01).mean() >= 0.1)


def warn_of_lost_color(*sets: LabelledSet | UnlabelledSet, channels: int) -> None:
    """Log a warning that names the sets whose color does not survive `channels`, as they were loaded; else nothing."""
    names = [f"'{data.name}'" for data in sets if channels == 1 and is_colored(data.images)]
    if names:
        LOGGER.warning(
            "the images of %s are in color, and channels = 1 drops it; give 3 (--channels 3) if color helps to tell "
            "the classes apart",
            " and ".join(names),
        )


def has_light_background(images: np.ndarray) -> bool:
    """Whether the median color of the border of (n, h, w, ch) is light."""
    return bool(_background(images).mean() > 127)


def to_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """(n, h, w, 1 or 3) -> (n, h, w, channels)"""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    grey = np.empty((*images.shape[:-1], 1), np.uint8)
    for start in range(0, len(images), _CHUNK):
        grey[start : start + _CHUNK, ..., 0] = np.rint(images[start : start + _CHUNK] @ _LUMA)
    return grey


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """(n, h, w, ch) uint8 -> (n, size, size, ch) uint8; antialiased bicubic, the identity at equal size."""
    if images.shape[1:3] == (size, size):
        return images
    import torch
    from torch.nn.functional import interpolate

    result = np.empty((len(images), size, size, images.shape[-1]), np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = torch.from_numpy(np.array(images[start : start + _CHUNK])).permute(0, 3, 1, 2)
        small = interpolate(chunk, (size, size), mode="bicubic", antialias=True, align_corners=False)
        result[start : start + _CHUNK] = small.permute(0, 2, 3, 1).numpy()
    return result


def _subsample(images: np.ndarray) -> np.ndarray:
    """At most about `_INSPECTED` evenly spaced images; nothing random."""
    return images[:: max(1, len(images) // _INSPECTED)]


def _border(images: np.ndarray) -> np.ndarray:
    """The outermost pixels of the inspected images: (k, ch)."""
    seen = _subsample(images)
    sides = (seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1])
    return np.concatenate([side.reshape(-1, images.shape[-1]) for side in sides])


def _background(images: np.ndarray) -> np.ndarray:
    """The median color of the border: int16 (ch,)."""
    return np.median(_border(images), axis=0).astype(np.int16)


def _margin(images: np.ndarray) -> float:
    """Median over the images of (1 - longer side of the ink's box / side of the frame) / 2."""
    seen = _subsample(images)
    ink = np.abs(seen.astype(np.int16) - _background(images)).max(-1) >= _INK  # (n, h, w)
    inked = ink.any((1, 2))
    if not inked.any():
        return 0.0
    extents = np.maximum(_extent(ink[inked].any(2)), _extent(ink[inked].any(1)))
    return float((1 - np.median(extents)) / 2)


def _extent(occupied: np.ndarray) -> np.ndarray:
    """Length from the first to the last True of each row, as a fraction of the row: (n, side) -> (n,)"""
    side = occupied.shape[1]
    first = occupied.argmax(1)
    last = side - occupied[:, ::-1].argmax(1)
    return (last - first) / side


def _padded(images: np.ndarray, margin: float, own_margin: float, background: np.ndarray) -> np.ndarray:
    """Pad with the background until the ink's extent is at most 1 - 2 margin of the frame."""
    growth = (1 - 2 * own_margin) / (1 - 2 * margin) - 1
    height, width = (max(0, round(side * growth / 2)) for side in images.shape[1:3])
    if height == 0 and width == 0:
        return images
    n, h, w, channels = images.shape
    padded = np.empty((n, h + 2 * height, w + 2 * width, channels), np.uint8)
    padded[:] = background
    padded[:, height : height + h, width : width + w] = images
    return padded
