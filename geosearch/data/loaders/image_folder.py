"""Sets in folders of image files: a sub-folder per class, optionally below train/ and test/; or loose images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from geosearch.data.dataset import LabelledSet
from geosearch.data.license import read_license
from geosearch.data.loaders.limits import most_bytes, most_pixels
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import GeosearchError, InvalidDataError, TooLargeError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_CHUNK = 256  # files decoded at a time
_PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_DAMAGE = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, OverflowError,
    LookupError, TypeError, AttributeError, MemoryError, RuntimeError, Image.DecompressionBombError,
)  # whatever Pillow's many decoders raise  # fmt: skip


def read_image_folder(path: Path, *, name: str, part: str, size: int | None) -> LabelledSet:
    """All images of a part at one size, grey if every one of them is grey, else RGB.

    Args:
        path: folder with one sub-folder per class, or with train/ and test/ that have them.
        name: name of the set.
        part: train or test.
        size: side of the square images wanted; if None, images of one common size keep it and mixed sizes are
            brought to the median size. The longer side is cropped about its centre, never stretched.
    """
    train_files = _files_by_class(path / "train" if folder_has_test(path) else path)
    classes = tuple(train_files)
    shape = _common_shape([file for files in train_files.values() for file in files], size)
    grouped = train_files if part == "train" else _files_by_class(path / "test", least=1)
    unknown = sorted(grouped.keys() - train_files.keys())
    if unknown:
        raise InvalidDataError(
            f"{path / 'test'} has classes that {path / 'train'} lacks: {', '.join(unknown[:5])}; "
            "use the same sub-folders in both"
        )
    files = [file for group in grouped.values() for file in group]
    labels = np.repeat([classes.index(label) for label in grouped], [len(group) for group in grouped.values()])
    images = _decoded(files, shape)
    license = read_license(path)
    if part == "test":
        return LabelledSet.test_part(images, labels, name=name, classes=classes, license=license)
    return LabelledSet.from_arrays(images, labels, name=name, classes=classes, license=license)


def read_loose_images(path: Path, *, name: str, size: int | None) -> UnlabelledSet:
    """The images that lie directly in a folder, at one size; `size` as for `read_image_folder`."""
    files = _images_in(path)
    images = _decoded(files, _common_shape(files, size))
    return UnlabelledSet.from_images(images, name=name, license=read_license(path))


def folder_has_labels(path: Path) -> bool:
    """Whether there is a sub-folder with images, or no image directly in the folder."""
    return not _images_in(path) or bool(_grouped(path))


def folder_has_test(path: Path) -> bool:
    """Whether the folder is divided into train/ and test/."""
    return all(any(_folders(path / part)) for part in ("train", "test"))


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []


def _files_by_class(path: Path, *, least: int = 2) -> dict[str, list[Path]]:
    """As `_grouped`; refused if there are too few classes."""
    found = _grouped(path)
    if found and {name.lower() for name in found} <= _PARTS:
        raise InvalidDataError(
            f"{path} is divided into parts ({', '.join(found)}), not into classes; call two of them train and test, "
            f"each with a sub-folder per class, or take one: imagefolder:{path / next(iter(found))}"
        )
    if len(found) < least:
        raise InvalidDataError(
            f"{path} has {len(found)} sub-folders with images; expected one per class, at least {least}, holding "
            f"files of type {' '.join(sorted(SUFFIXES))}"
        )
    return found


def _grouped(path: Path) -> dict[str, list[Path]]:
    """Class name -> image files, both sorted; sub-folders without an image are no classes."""
    found = {
        folder.name: sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())  # no pipes
        for folder in _folders(path)
        if not folder.name.startswith(".")
    }
    return {label: files for label, files in found.items() if files}


def _images_in(path: Path) -> list[Path]:
    """Image files directly in a folder, sorted."""
    return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _common_shape(files: Sequence[Path], size: int | None) -> tuple[int, int]:
    """(w, h) to which the images are brought."""
    if size is not None:
        return size, size
    shapes = np.array([_opened_size(file) for file in files])
    return tuple(int(side) for side in np.median(shapes, axis=0))  # type: ignore[return-value]


def _opened_size(file: Path) -> tuple[int, int]:
    """Upright (w, h), from the header alone."""
    try:
        with Image.open(file) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    return (height, width) if turned else (width, height)


def _decoded(files: Sequence[Path], shape: tuple[int, int]) -> np.ndarray:
    """uint8 (n, h, w, 1 or 3)"""
    width, height = shape
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
            block = pool.map(lambda file: _decoded_one(file, shape), files[start : start + _CHUNK])
            images[start : start + _CHUNK] = list(block)
    grey = all((image[..., :1] == image[..., 1:]).all() for image in images)
    return images[..., :1].copy() if grey else images


def _decoded_one(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """uint8 (h, w, 3); transparent pixels are black."""
    try:
        with Image.open(file) as image:
            if image.width * image.height > (limit := most_pixels()):
                raise TooLargeError(f"{file} has {image.width} x {image.height} pixels, {_way_out(limit)}")
            if image.mode == "RGB":
                image.draft("RGB", (2 * shape[0], 2 * shape[1]))  # lets a large JPEG decode at a fraction
            upright = ImageOps.exif_transpose(image)
            rgb = _to_rgb(upright)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{file} has too many pixels ({error}), {_way_out(most_pixels())}") from error
    except GeosearchError:
        raise
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    if rgb.size != shape:
        rgb = ImageOps.fit(rgb, shape, Image.Resampling.BICUBIC)
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
    return InvalidDataError(f"{file} cannot be read as an image ({error}); mend it or take it out of the folder")
