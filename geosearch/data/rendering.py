"""Rendering: how stored values become grey levels 0..255, and what shows through transparent pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.errors import InvalidDataError

_CHUNK = 1024  # images converted at a time
_DEVIATIONS = 12  # that the range of standardized images spans, at most; MNIST's spans 3, CIFAR-10's 4
_MARK = 65535  # in 16 bits, of a pixel that is overexposed or defective, whatever range the others have
_MARKED = 0.01  # of the pixels, at most, that may be so
_OVERSHOOT = 0.05  # below 0 or above 1, that resizing leaves in floats
_LUMA = np.array([0.299, 0.587, 0.114])  # Source: ITU-R BT.601


@dataclass(frozen=True)
class Rendering:
    """How the values of a set become grey levels. It is fixed on the training part and used for both parts.

    Attributes:
        low, high: stored values that become 0 and 255, one or one for each channel; others are clipped.
        whole: whether values are whole numbers, of which 2^k neighbours share a grey level.
        ground: grey level behind transparent pixels: white if the ink is dark, else black.
        note: what to say of it; empty where it is plain.

    >>> rendering = Rendering.of(np.array([[[[0.0], [16.0]]]]), "mine")
    >>> rendering.high, rendering.note
    (16.0, 'floats 0..16 are divided by 16')
    """

    low: float | tuple[float, ...] = 0
    high: float | tuple[float, ...] = 255
    whole: bool = True
    ground: int = 0
    note: str = ""

    @classmethod
    def of(cls, images: np.ndarray, name: str) -> Rendering:
        """Judge (n, h, w, ch) by their type and their range.

        Raises:
            InvalidDataError: values whose meaning cannot be told; the message says what to do with this range.
        """
        if images.dtype == bool:
            plain = cls(0, 1, whole=False)
        elif images.dtype.kind in "ui":
            plain = cls.of_integers(int(images.min()), largest_unmarked(images), name, int(images.max()))
        else:
            plain = cls.of_floats(images, float(images.min()), float(images.max()), name)
        return plain if images.shape[-1] != 4 else plain._on_ground(images)

    @classmethod
    def of_integers(cls, least: int, most: int, name: str, largest: int | None = None) -> Rendering:
        """Of whole numbers with this range.

        Args:
            least, most: the range; a few pixels may be brighter, see `largest_unmarked`.
            name: of the set, for messages.
            largest: the brightest of all pixels; `most` if None.

        Raises:
            InvalidDataError: numbers that are no grey levels.
        """
        if largest is not None and largest > most:
            if 4 * most >= largest:  # no gap that would tell them from the others
                most = largest
            else:
                plain = cls.of_integers(least, most, name)
                few = f"few pixels of {largest:,} become white"
                return replace(
                    plain, note=f"{plain.note or f'values to {most:,} are read as 0..{plain.high:,}'}; {few}"
                )
        if least < 0:
            raise InvalidDataError(
                f"set '{name}': images of whole numbers must not be negative, got {least}..{most}; shift and scale "
                f"them, (images - ({least})) / {most - least}, which gives floats in [0, 1]"
            )
        if most == 1:
            raise InvalidDataError(
                f"set '{name}': images of whole numbers run from 0 to 255, and these hold nothing above 1; multiply "
                "them by 255, or pass them as bool"
            )
        high = range_of_integers(most)
        note = f"values to {most:,} are read as {high.bit_length()} bits, 0..{high:,}" if 255 < high != 65535 else ""
        return cls(0, high, note=note)

    @classmethod
    def of_floats(cls, images: np.ndarray, least: float, most: float, name: str) -> Rendering:
        """Of floats with this range."""
        if not np.isfinite([least, most]).all():
            raise InvalidDataError(f"set '{name}': images hold NaN or infinite values; remove them first")
        if least >= -_OVERSHOOT and most <= 1 + _OVERSHOOT:
            return cls(0, 1, whole=False)
        if least >= 0:
            return _of_positive_floats(most)
        for bound in (0.5, 1):
            if -bound <= least < -bound / 4 and most <= bound:
                return cls(-bound, bound, whole=False, note=f"floats in [-{bound:g}, {bound:g}] are shifted to [0, 1]")
        if images.shape[-1] != 4 and _is_standardized(images, least, most):
            return _of_standardized(images, least, most)
        raise InvalidDataError(f"set '{name}': {_advice(images, least, most)}")

    def apply(self, images: np.ndarray) -> np.ndarray:
        """(n, h, w, ch) -> uint8 (n, h, w, 1 or 3)"""
        if images.dtype == np.uint8 and images.shape[-1] != 4 and (self.low, self.high) == (0, 255):
            return images
        made = np.empty((*images.shape[:-1], min(images.shape[-1], 3)), np.uint8)
        for start in range(0, len(images), _CHUNK):
            levels = self._levels(images[start : start + _CHUNK])
            made[start : start + _CHUNK] = levels if levels.shape[-1] != 4 else self._composed(levels)
        return made

    def _levels(self, images: np.ndarray) -> np.ndarray:
        """uint8, every channel by itself"""
        low, high = (np.asarray(value, np.float64) for value in (self.low, self.high))  # 2^63 - 1 + 1 is no int64
        if self.whole:
            levels = np.floor((images.astype(np.float64) - low) * 256 / (high + 1 - low))
        else:
            levels = np.round((images.astype(np.float64) - low) * 255 / (high - low))
        return np.clip(levels, 0, 255).astype(np.uint8)

    def _composed(self, levels: np.ndarray) -> np.ndarray:
        alpha = levels[..., 3:].astype(np.float32) / 255
        return np.round(levels[..., :3] * alpha + self.ground * (1 - alpha)).astype(np.uint8)

    def _on_ground(self, images: np.ndarray) -> Rendering:
        judge = GroundJudge()
        for start in range(0, len(images), _CHUNK):
            levels = self._levels(images[start : start + _CHUNK])
            alpha = levels[..., 3:]
            judge.add(np.round(levels[..., :3] * (alpha / 255.0)), alpha)
        note = "; ".join(filter(None, (self.note, judge.note)))
        return Rendering(self.low, self.high, self.whole, judge.ground, note)


class GroundJudge:
    """Finds the ground on which the ink of transparent images shows: white under dark ink, black under light ink."""

    def __init__(self) -> None:
        self._light, self._opaque = 0.0, 0.0

    def add(self, ink: np.ndarray, alpha: np.ndarray) -> None:
        """Look at further images.

        Args:
            ink: (n, h, w, 3) grey levels times alpha.
            alpha: (n, h, w, 1), 0 (transparent) .. 255.
        """
        seen = (alpha < 255).any((1, 2, 3))
        self._light += float((ink[seen] @ _LUMA).sum())
        self._opaque += float(alpha[seen].astype(np.float64).sum())

    @property
    def ground(self) -> int:
        """255 (white) or 0 (black)."""
        return 255 if self._opaque and self._light < self._opaque / 2 else 0

    @property
    def note(self) -> str:
        """What to say of it; empty if nothing is transparent."""
        return f"transparent pixels are shown on {'white' if self.ground else 'black'}" if self._opaque else ""


def largest_unmarked(values: np.ndarray) -> int:
    """The largest value of whole numbers, leaving out 65535 if that is in one pixel of a hundred at most.

    Cameras of fewer bits mark overexposed and defective pixels so, and such files would be read as 16 bits, dark.
    """
    most = int(values.max())
    if most != _MARK or values.dtype.kind not in "uif":
        return most
    marked = values == _MARK
    return most if marked.all() or marked.mean() > _MARKED else int(values[~marked].max())


def range_of_integers(most: int) -> int:
    """The largest value that whole numbers up to `most` can have: 255, or the next power of two less one.

    >>> range_of_integers(200), range_of_integers(3000), range_of_integers(65535)
    (255, 4095, 65535)
    """
    return int(2 ** max(8, most.bit_length()) - 1)


def _of_positive_floats(most: float) -> Rendering:
    if most > 255:
        high = range_of_integers(int(np.ceil(most)))
        return Rendering(0, high, note=f"floats to {most:,.6g} are read as {high.bit_length()} bits, 0..{high:,}")
    if most >= 128:
        return Rendering(0, 255, whole=False, note="floats up to 255 are read as grey levels")
    return Rendering(0, most, whole=False, note=f"floats 0..{most:.6g} are divided by {most:.6g}")


def _is_standardized(images: np.ndarray, least: float, most: float) -> bool:
    """Whether floats on both sides of zero have a mean near 0, a deviation near 1, and no value far outside.

    Near, since the mean and deviation that were taken out may be those of other images, darker or lighter ones.
    """
    mean, deviation = float(images.mean(dtype=np.float64)), float(images.std(dtype=np.float64))
    both = least < -_OVERSHOOT * most < 0
    return both and abs(mean) < 2 and 0.3 < deviation < 3 and most - least <= _DEVIATIONS * deviation


def _of_standardized(images: np.ndarray, least: float, most: float) -> Rendering:
    """Undone by the range of each channel, in which black and white usually occur."""
    low, high = images.min((0, 1, 2)), images.max((0, 1, 2))
    alone = len(low) == 1 or (low == high).any()
    note = f"floats in [{least:.3g}, {most:.3g}] look standardized; the range of each channel becomes 0..255"
    if alone:
        return Rendering(least, most, whole=False, note=note)
    return Rendering(tuple(map(float, low)), tuple(map(float, high)), whole=False, note=note)


def _advice(images: np.ndarray, least: float, most: float) -> str:
    found = f"float images in [{least:.3g}, {most:.3g}]"
    stretch = f"(images - ({least:.6g})) / {most - least:.6g}"
    if least >= -_OVERSHOOT * most and images.mean(dtype=np.float64) > -least:
        return f"{found} are slightly negative; clip them: images.clip(0)"
    return f"{found} are none of [0, 1], [-1, 1] and 0..255; bring them to [0, 1]: {stretch}"
