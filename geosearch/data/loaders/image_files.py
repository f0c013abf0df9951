"""Image files: decoded side by side to one shape, whatever their format, orientation and number of channels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from geosearch.data.fit import Fit
from geosearch.data.loaders.deep_color import is_deep_color, read_deep_color
from geosearch.data.loaders.file_kind import describe_file
from geosearch.data.loaders.file_pixels import FilePixels, SetRendering
from geosearch.data.loaders.limits import most_bytes, most_pixels
from geosearch.data.loaders.suffixes import formats
from geosearch.data.read_report import Reason
from geosearch.errors import GeosearchError, TooLargeError

_CHUNK = 256  # files decoded at a time
_DAMAGE = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, OverflowError,
    LookupError, TypeError, AttributeError, MemoryError, RuntimeError, Image.DecompressionBombError,
)  # whatever Pillow's many decoders raise  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """A file that cannot be read as an image.

    Attributes:
        file: the file.
        reason: damaged, empty, without permission, or gone.
        what: what the file is or what is wrong with it, in a few words.
    """

    file: Path
    reason: Reason
    what: str


@dataclass(frozen=True)
class DecodedFiles:
    """Images of files, and the files that gave none.

    Attributes:
        images: uint8 (n, h, w, ch), ch = 1 or 3: one for each file that was read, in their order.
        read: bool, one for each file: whether it was read.
        failures: one for each file that was not.
        rendering: how values and transparency were understood.
        kept: share of each image that was read that a crop to the shape wanted keeps.
    """

    images: np.ndarray
    read: np.ndarray
    failures: tuple[Failure, ...]
    rendering: SetRendering
    kept: tuple[float, ...]


def median_size(files: Sequence[Path]) -> tuple[int, int]:
    """Median width and height of upright images, from their headers alone; files that cannot be read do not count."""
    sizes = [size for file in files if (size := _upright_size(file))]
    return tuple(int(side) for side in np.median(sizes, axis=0)) if sizes else (1, 1)  # type: ignore[return-value]


def _upright_size(file: Path) -> tuple[int, int] | None:
    """(w, h)"""
    try:
        with Image.open(file, formats=formats()) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5
    except _DAMAGE:
        return None
    return (height, width) if turned else (width, height)


def decode_images(
    files: Sequence[Path],
    size: tuple[int, int],
    name: str,
    *,
    fit: Fit = "crop",
    rendering: Callable[[], SetRendering] | None = None,
) -> DecodedFiles:
    """Decode image files to uint8 (n, h, w, ch): ch = 1 if every one of them is grey, else 3 (RGB).

    Images are turned upright as the camera noted. Transparent pixels show the ground on which the set's ink stands out;
    values of more than 8 bits are scaled by the range of the set (see `SetRendering`).

    Args:
        files: image files.
        size: width and height that all are brought to, pixels.
        name: of the set, for messages.
        fit: how images of another aspect ratio come to the size wanted.
        rendering: gives the rendering of the training part, if these files are another part; asked only if needed.

    Raises:
        InvalidDataError: values in a range whose meaning cannot be told.
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
    read = np.ones(len(files), bool)
    failures, special, kept = [], dict[int, FilePixels](), list[float]()
    with ThreadPoolExecutor(max_workers=4) as pool:
        for start in range(0, len(files), _CHUNK):  # in blocks, so that few decoded pictures wait
            block = pool.map(lambda file: _decode(file, size, fit), files[start : start + _CHUNK])
            for row, result in enumerate(block, start):
                if isinstance(result, Failure):
                    read[row] = False
                    failures.append(result)
                    continue
                kept.append(result.kept_share(size))
                if result.rgb is not None and result.alpha is None:
                    images[row] = result.rgb
                else:
                    special[row] = result
    rendered = rendering() if rendering and special else SetRendering.of([*special.values()], name)
    for row, pixels in special.items():
        images[row] = rendered.apply(pixels)
    images = images if read.all() else images[read]
    grey = all((image[..., :1] == image[..., 1:]).all() for image in images)
    return DecodedFiles(images[..., :1].copy() if grey else images, read, tuple(failures), rendered, tuple(kept))


def _decode(file: Path, size: tuple[int, int], fit: Fit) -> FilePixels | Failure:
    try:
        with Image.open(file, formats=formats()) as image:
            if image.width * image.height > (limit := most_pixels()):
                raise TooLargeError(f"{file} has {image.width} x {image.height} pixels, {_way_out(limit)}")
            if is_deep_color(image) and (channels := read_deep_color(file, image)):
                return FilePixels.of_channels(channels, size, fit)
            if image.mode == "RGB":
                image.draft("RGB", (2 * size[0], 2 * size[1]))  # lets a large JPEG decode at a fraction
            return FilePixels.of(ImageOps.exif_transpose(image), size, fit)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{file} has too many pixels ({error}), {_way_out(most_pixels())}") from error
    except GeosearchError:
        raise
    except _DAMAGE as error:
        return _failure(file, error)


def _way_out(limit: int) -> str:
    return f"the limit is {limit:,}; shrink it, or set GEOSEARCH_MAX_PIXELS higher"


def _failure(file: Path, error: Exception) -> Failure:
    if isinstance(error, PermissionError):
        return Failure(file, Reason.UNREADABLE, "")
    if isinstance(error, FileNotFoundError):
        return Failure(file, Reason.BROKEN_LINK, "")
    if (what := describe_file(file)) == "no bytes":
        return Failure(file, Reason.EMPTY, "")
    return Failure(file, Reason.DAMAGED, what or " ".join(str(error).split()).replace(str(file), "it"))
