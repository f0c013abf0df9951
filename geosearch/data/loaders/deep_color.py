"""Deep color: files with 16 bits for each of several channels, of which Pillow gives only the upper eight."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

_DEEP = re.compile(r"(RGB|RGBX|RGBA|LA);16[BLN]")
_ORDERS = {"little": ("16L", "16B"), "big": ("16B", "16L")}  # which byte of a pair these take: the upper, the lower one


def is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file has 16 bits a channel that Pillow would cut to eight; nothing is decoded."""
    return bool(image.tile) and (_DEEP.fullmatch(_raw_mode(image)) is not None or _is_planar(image))


def read_deep_color(file: Path, image: ImageFile.ImageFile) -> list[Image.Image] | None:
    """The channels of a file in all their bits, without alpha, upright; None if pixels are transparent.

    Pillow is asked for the upper byte of every value, then for the lower one.

    Args:
        file: a PNG or TIFF file.
        image: the same file, opened by Pillow, for which `is_deep_color` holds.

    Returns:
        One or three images of mode "F"; None also for compressed TIFF files that store a channel after the other,
        whose lower bytes Pillow does not give.

    Raises:
        OSError, ValueError, SyntaxError: the file is damaged.
    """
    upper, lower = _ORDERS[_byte_order(image)]
    if "transparency" in image.info or (image.tile[0][0] == "libtiff" and _tag(image, 284) == 2):
        return None
    values = _bytes(file, upper).astype(np.float32) * 256 + _bytes(file, lower)  # (h, w, ch)
    if values.shape[-1] in (2, 4):
        values, alpha = values[..., :-1], values[..., -1]
        if alpha.min() < alpha.max() or not alpha.any():
            return None
    return [_upright(Image.fromarray(np.ascontiguousarray(plane)), image) for plane in np.moveaxis(values, -1, 0)]


def _bytes(file: Path, order: str) -> np.ndarray:
    """uint8 (h, w, ch): one byte of every value."""
    with Image.open(file, formats=("PNG", "TIFF")) as image:
        both = _raw_mode(image).startswith("LA")  # whose four bytes a pixel are those of RGBA
        image.tile = [tile._replace(args="RGBA") if both else _ask(tile, order) for tile in image.tile]
        image.load()
        pixels = np.asarray(image)
        return pixels[..., int(order != _ORDERS["big"][0]) :: 2] if both else pixels


def _ask(tile: ImageFile._Tile, order: str) -> ImageFile._Tile:
    args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
    mode = f"{str(args[0]).partition(';')[0]};{order}"
    return tile._replace(args=(mode, *args[1:]) if isinstance(tile.args, tuple) else mode)


def _raw_mode(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _is_planar(image: ImageFile.ImageFile) -> bool:
    """Whether it is a TIFF file that stores 16 bits a value, one whole channel after the other."""
    return _tag(image, 258) in ((16,) * 3, (16,) * 4) and _tag(image, 284) == 2 and image.mode in ("RGB", "RGBA")


def _byte_order(image: ImageFile.ImageFile) -> str:
    """ "little" or "big": in which order the decoder meets the two bytes of a value."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tile[0][0] != "libtiff":
        return "little" if image.tag_v2.prefix == b"II" else "big"
    return sys.byteorder if image.format == "TIFF" else "big"


def _tag(image: ImageFile.ImageFile, number: int) -> object:
    return image.tag_v2.get(number) if isinstance(image, TiffImagePlugin.TiffImageFile) else None


def _upright(plane: Image.Image, image: Image.Image) -> Image.Image:
    exif = plane.getexif()
    exif[0x0112] = image.getexif().get(0x0112, 1)
    return ImageOps.exif_transpose(plane)
