"""Near duplicates: source images that show what a target image shows, found by thumbnails at the study's size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import leave_out_of_source
from geosearch.data.read_report import list_some, printable
from geosearch.data.unlabelled import UnlabelledSet

_SIDE = 8  # of a thumbnail, pixels
_MOST = 10_000  # target images compared
_ROUNDING = 2  # grey levels by which two ways to resize differ: at most 2 on five sets of digits and photographs
_ALIKE = 0.98  # correlation of the pixels
_LIKELY = 0.95  # cosine of thumbnails
_SMALLEST = 12  # pixels; smaller images are often alike by chance, so no note is made
_CHUNK = 1024  # images compared at a time


@dataclass(frozen=True, eq=False)
class ThumbnailIndex:
    """Target images, to which those of sources are compared; all of one shape.

    The nearest image is found exactly, by the cosine of thumbnails of 8 x 8 grey values without their mean, then
    compared pixel by pixel. A difference hash of 8 x 8 bits costs as much, and misses half of the JPEG copies of
    digits: the noise of their background flips its bits.

    Attributes:
        images: uint8 (n, h, w, ch).
        names: what each is called, (n,).
    """

    images: np.ndarray
    names: np.ndarray

    @classmethod
    def of(cls, *parts: LabelledSet | UnlabelledSet | None) -> ThumbnailIndex:
        """The parts of a target in this order, 10,000 images at most; of a part that is larger, evenly spaced ones."""
        images, names, spare = [], [], _MOST
        for part in parts:
            if part is not None and spare:
                rows = slice(None, None, -(-len(part) // spare))
                images.append(part.images[rows])
                names.append((np.arange(len(part)).astype(str) if part.row_names is None else part.row_names)[rows])
                spare -= len(images[-1])
        return cls(np.concatenate(images), np.concatenate(names))

    @cached_property
    def thumbnails(self) -> np.ndarray:
        """float32 (n, 64)"""
        return _thumbnails(self.images)

    def nearest(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most similar image of the index, and whether it may be a duplicate.

        Args:
            images: uint8 (p, h, w, ch).

        Returns:
            Row numbers (p,) and bool (p,).
        """
        seen, rows, likely = _thumbnails(images), np.zeros(len(images), np.int64), np.zeros(len(images), bool)
        for start in range(0, len(seen), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            cosines = seen[chunk] @ self.thumbnails.T  # (b, 64) @ (64, n)
            rows[chunk] = cosines.argmax(1)
            likely[chunk] = cosines[np.arange(len(cosines)), rows[chunk]] > _LIKELY
        return rows, likely

    def find(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which images are in the index but for rounding, and which others are like one of it.

        Args:
            images: uint8 (p, h, w, ch).

        Returns:
            The most similar image of the index (p,), whether it is the same bool (p,), and else whether it is alike
            bool (p,).
        """
        near, likely = self.nearest(images)
        same, alike = np.zeros(len(images), bool), np.zeros(len(images), bool)
        found = np.flatnonzero(likely)
        for start in range(0, len(found), _CHUNK):
            rows = found[start : start + _CHUNK]
            same[rows], alike[rows] = _compare(images[rows], self.images[near[rows]])
        return near, same, alike


def clean_near_source(
    source: LabelledSet | UnlabelledSet, target: ThumbnailIndex, name: str
) -> LabelledSet | UnlabelledSet:
    """A source without images that are those of the target, of which `name` is the name, but for rounding.

    Such are images that were resized by another reader, from a folder instead of an array. Images that are merely
    alike, such as a JPEG copy, stay, and the source's report says how many there are.

    Raises:
        DomainMismatchError: as `clean_source`.
    """
    near, same, alike = target.find(source.images)
    note = _note(source, target, near, alike) if alike.any() and min(source.shape[:2]) >= _SMALLEST else ""
    if same.any():
        source = leave_out_of_source(source, same, name)
    if not note or source.report is None:
        return source
    return replace(source, report=replace(source.report, notes=(*source.report.notes, note)))


def _note(source: LabelledSet | UnlabelledSet, target: ThumbnailIndex, near: np.ndarray, alike: np.ndarray) -> str:
    names = np.arange(len(source)) if source.row_names is None else source.row_names
    rows, count = np.flatnonzero(alike), int(alike.sum())
    pairs = (f"{_called(names[row])} like {_called(target.names[near[row]])}" for row in rows)
    return (
        f"{count:,} of {len(source):,} images look like images of the target ({list_some(pairs, count)}); they stay, "
        "so look whether they are copies"
    )


def _called(name: object) -> str:
    return f"image {name}" if str(name).isdigit() else printable(str(name))


def _compare(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each image is the other but for rounding, and else whether they are alike: bool (p,), bool (p,)"""
    a, b = (pixels.reshape(len(pixels), -1).astype(np.float32) for pixels in (images, others))
    shown = np.ptp(a, axis=1) > 8 * _ROUNDING
    same = shown & (np.abs(a - b).max(1) <= _ROUNDING)
    return same, shown & ~same & ((_unit(a) * _unit(b)).sum(1) > _ALIKE)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, ch) -> float32 (n, 64) of mean 0 and length 1; flat images give 0."""
    import torch
    from torch.nn.functional import interpolate

    found = [np.zeros((0, _SIDE**2), np.float32)]
    for start in range(0, len(images), _CHUNK):
        channels = np.moveaxis(images[start : start + _CHUNK], -1, 0)
        grey = sum((channel.astype(np.float32) for channel in channels[1:]), channels[0].astype(np.float32))
        small = interpolate(torch.from_numpy(grey)[:, None], (_SIDE, _SIDE), mode="area").numpy()
        found.append(_unit(small.reshape(len(small), -1)))
    return np.concatenate(found)


def _unit(rows: np.ndarray) -> np.ndarray:
    """(n, d) without its mean, of length 1"""
    centered = rows - rows.mean(1, keepdims=True)
    return centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-3)
