"""Deep color: PNG files with 16 bits for each of several channels, of which Pillow gives only the upper eight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

_DEEP = ("RGB;16B", "RGBA;16B", "LA;16B")


def is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file has 16 bits a channel that Pillow would cut to eight; nothing is decoded."""
    return image.format == "PNG" and bool(image.tile) and image.tile[0][3] in _DEEP


def read_deep_color(file: Path, image: Image.Image) -> list[Image.Image] | None:
    """The channels of a file in all their bits, without alpha, upright; None if pixels are transparent, or torchvision
    decodes no files (from some later version on, it will not).

    Args:
        file: a PNG file.
        image: the same file, opened by Pillow, for which `is_deep_color` holds.

    Returns:
        One or three images of mode "F".

    Raises:
        RuntimeError: the file is damaged.
    """
    import torch

    try:
        from torchvision.io import ImageReadMode, decode_png
    except ImportError:
        return None
    coded = torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8)
    planes = decode_png(coded, ImageReadMode.UNCHANGED).numpy().astype(np.float32)  # (ch, h, w)
    if len(planes) in (2, 4):
        planes, alpha = planes[:-1], planes[-1]
        if alpha.min() < alpha.max() or not alpha.any():
            return None
    return [_upright(Image.fromarray(plane), image) for plane in planes]


def _upright(plane: Image.Image, image: Image.Image) -> Image.Image:
    exif = plane.getexif()
    exif[0x0112] = image.getexif().get(0x0112, 1)
    return ImageOps.exif_transpose(plane)
