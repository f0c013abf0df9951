"""Image files: decoded side by side to one shape, whatever their format, orientation and number of channels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from geosearch.data.loaders.limits import most_bytes, most_pixels
from geosearch.errors import GeosearchError, InvalidDataError, TooLargeError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_CHUNK = 256  # files decoded at a time
_DAMAGE = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, OverflowError,
    LookupError, TypeError, AttributeError, MemoryError, RuntimeError, Image.DecompressionBombError,
)  # whatever Pillow's many decoders raise  # fmt: skip


def is_image_file(path: Path) -> bool:
    """Whether a path has an image's suffix and is a file, not a pipe or a folder."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def median_size(files: Sequence[Path]) -> tuple[int, int]:
    """Median width and height of upright images, from their headers alone."""
    sizes = np.array([_upright_size(file) for file in files])
    return tuple(int(side) for side in np.median(sizes, axis=0))  # type: ignore[return-value]


def _upright_size(file: Path) -> tuple[int, int]:
    """(w, h)"""
    try:
        with Image.open(file) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    return (height, width) if turned else (width, height)


def decode_images(files: Sequence[Path], size: tuple[int, int]) -> np.ndarray:
    """Decode image files to uint8 (n, h, w, ch): ch = 1 if every one of them is grey, else 3 (RGB).

    Images are turned upright as the camera noted. They are cropped about their center to the shape wanted, never
    stretched; transparent pixels become black; of 16 bits a pixel the upper eight are kept.

    Args:
        files: n image files.
        size: width and height that all are brought to, pixels.

    Raises:
        InvalidDataError: a file that is damaged, or has floating-point pixels; the message names it.
        TooLargeError: a picture, or all of them together, would need more memory than the limits allow.
    """
    width, height = size
    if Image.MAX_IMAGE_PIXELS is not None:  # Pillow's own limit must not stand in the way of a raised one
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, most_pixels())
    needed = len(files) * width * height * 3
    if needed > (limit := most_bytes()):
        raise TooLargeError(
            f"{len(files)} images of {width} x {height} pixels need {needed / 2**30:.1f} GiB, the limit is "
            f"{limit / 2**30:.1f} GiB; ask for a smaller size, shrink the files, or set GEOSEARCH_MAX_GIB higher"
        )
    images = np.empty((len(files), height, width, 3), np.uint8)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for start in range(0, len(files), _CHUNK):  # in blocks, so that a damaged file stops the rest soon
            block = pool.map(lambda file: _decode(file, size), files[start : start + _CHUNK])
            images[start : start + _CHUNK] = list(block)
    grey = all((image[..., :1] == image[..., 1:]).all() for image in images)
    return images[..., :1].copy() if grey else images


def _decode(file: Path, size: tuple[int, int]) -> np.ndarray:
    """uint8 (h, w, 3)"""
    try:
        with Image.open(file) as image:
            if image.width * image.height > (limit := most_pixels()):
                raise TooLargeError(f"{file} has {image.width} x {image.height} pixels, {_way_out(limit)}")
            if image.mode == "RGB":
                image.draft("RGB", (2 * size[0], 2 * size[1]))  # lets a large JPEG decode at a fraction
            upright = ImageOps.exif_transpose(image)
            rgb = _to_rgb(upright)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{file} has too many pixels ({error}), {_way_out(most_pixels())}") from error
    except GeosearchError:
        raise
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    if rgb.size != size:
        rgb = ImageOps.fit(rgb, size, Image.Resampling.BICUBIC)
    return np.asarray(rgb)


def _way_out(limit: int) -> str:
    return f"the limit is {limit:,}; shrink it, or set GEOSEARCH_MAX_PIXELS higher"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: keep the upper eight
        grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels; save 8-bit images")
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("RGB")
    return image.convert("RGB")


def _unreadable(file: Path, error: Exception) -> InvalidDataError:
    return InvalidDataError(f"{file} cannot be read as an image ({error}); replace it, or remove it from the folder")
