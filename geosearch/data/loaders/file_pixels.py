"""FilePixels: the pixels of one image file, and how those of a whole set become RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from geosearch.data.fit import Fit, kept_share, pad_to
from geosearch.data.rendering import GroundJudge, Rendering, largest_unmarked

_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True, eq=False)
class FilePixels:
    """The pixels of a file, brought to a shape; what they look like may depend on the other files of the set.

    Attributes:
        rgb: uint8 (h, w, 3); times alpha if there is one. None for values that are not 8 bits.
        alpha: uint8 (h, w), 0 is transparent; None if all is opaque.
        values: float32 (h, w, 1 or 3), whole numbers of more than 8 bits, or floats.
        span: least and largest of the values, before they were resized; without marked pixels (`largest_unmarked`).
        largest: of the values, with marked pixels.
        whole: whether the values are whole numbers.
        size: (w, h) of the whole image, upright.
    """

    rgb: np.ndarray | None = None
    alpha: np.ndarray | None = None
    values: np.ndarray | None = None
    span: tuple[float, float] = (0, 0)
    largest: float = 0
    whole: bool = True
    size: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, image: Image.Image, size: tuple[int, int], fit: Fit = "crop") -> FilePixels:
        """Decode an image and bring it to `size` (w, h)."""
        if image.mode == "F" or image.mode.startswith("I"):
            values = np.asarray(image)
            least, largest, whole = float(values.min()), float(values.max()), image.mode != "F"
            if not np.isfinite([least, largest]).all():
                raise ValueError("NaN or infinite values")
            span = (least, float(largest_unmarked(values)) if whole else largest)
            resized = _resize(Image.fromarray(values.astype(np.float32)), size, fit)
            return cls(values=resized[..., None], span=span, largest=largest, whole=whole, size=image.size)
        if image.mode in _WITH_ALPHA or "transparency" in image.info:
            pixels = _resize(image.convert("RGBA").convert("RGBa"), size, fit)
            alpha = pixels[..., 3] if (pixels[..., 3] < 255).any() else None
            return cls(rgb=pixels[..., :3], alpha=alpha, size=image.size)
        return cls(rgb=_resize(image.convert("RGB"), size, fit), size=image.size)

    @classmethod
    def of_channels(cls, channels: Sequence[Image.Image], size: tuple[int, int], fit: Fit = "crop") -> FilePixels:
        """Whole numbers of several channels, each an image of mode "F"."""
        whole = np.stack([np.asarray(channel) for channel in channels])
        span = (float(whole.min()), float(largest_unmarked(whole)))
        values = np.stack([_resize(channel, size, fit) for channel in channels], axis=-1)
        return cls(values=values, span=span, largest=float(whole.max()), size=channels[0].size)

    def kept_share(self, wanted: tuple[int, int]) -> float:
        """Share of the image that a crop to the aspect ratio of `wanted` (w, h) keeps."""
        return kept_share(self.size, wanted)


@dataclass(frozen=True)
class SetRendering:
    """How the pixels of files become RGB; judged by the training part, used for both.

    Attributes:
        integers, floats: of files with more than 8 bits a channel.
        ground: grey level behind transparent pixels.
        notes: what to say of it.
    """

    integers: Rendering = Rendering()
    floats: Rendering = Rendering(0, 1, whole=False)
    ground: int = 0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Sequence[FilePixels], name: str) -> SetRendering:
        """Judge all files of a set that are not plain.

        Raises:
            InvalidDataError: values whose meaning cannot be told; the message says what to do with this range.
        """
        judge = GroundJudge()
        for file in files:
            if file.alpha is not None and file.rgb is not None:
                judge.add(file.rgb[None], file.alpha[None, ..., None])
        whole = [file for file in files if file.values is not None and file.whole]
        floats = [file for file in files if file.values is not None and not file.whole]
        integers = _judge_integers(whole, name) if whole else cls.integers
        scaled = _judge_floats(floats, name) if floats else cls.floats
        notes = tuple(filter(None, (integers.note if whole else "", scaled.note if floats else "", judge.note)))
        return cls(integers, scaled, judge.ground, notes)

    def apply(self, file: FilePixels) -> np.ndarray:
        """uint8 (h, w, 3)"""
        if file.values is not None:
            rendering = self.integers if file.whole else self.floats
            levels = rendering.apply(file.values[None])[0]
            return np.repeat(levels, 3 // levels.shape[-1], axis=-1)
        assert file.rgb is not None
        if file.alpha is None:
            return file.rgb
        behind = self.ground * (1 - file.alpha[..., None] / 255)
        return np.clip(np.round(file.rgb + behind), 0, 255).astype(np.uint8)


def _judge_integers(files: Sequence[FilePixels], name: str) -> Rendering:
    least, most = min(file.span[0] for file in files), max(file.span[1] for file in files)
    return Rendering.of_integers(int(least), int(most), name, int(max(file.largest for file in files)))


def _judge_floats(files: Sequence[FilePixels], name: str) -> Rendering:
    values = np.stack([file.values for file in files if file.values is not None])
    least, most = min(file.span[0] for file in files), max(file.span[1] for file in files)
    return Rendering.of_floats(values, least, most, name)


def _resize(image: Image.Image, size: tuple[int, int], fit: Fit) -> np.ndarray:
    """(h, w) or (h, w, ch)"""
    if image.size == size:
        return np.asarray(image)
    if fit == "stretch":
        return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    if fit == "crop":
        return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC))
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.resize(inner, Image.Resampling.BICUBIC))
    return pad_to(pixels.reshape(1, inner[1], inner[0], -1), size[1], size[0]).reshape(
        size[1], size[0], *pixels.shape[2:]
    )
