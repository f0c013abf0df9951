"""Sets in npz files: plain arrays, never pickled objects."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.license import read_license
from geosearch.data.loaders.limits import most_bytes
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError, TooLargeError

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, KeyError, TypeError,
    NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, MemoryError, OverflowError, RecursionError,
)  # of archives, of their compression, and of headers that promise what no memory holds  # fmt: skip
_ARRAYS = "train_images, train_labels, test_images, test_labels, class_names; or images, labels"


def read_npz(path: Path, *, name: str, part: str) -> LabelledSet:
    """The training part ("train_images" or "images" with their labels) or the test part of an npz file."""
    with _opened(path) as arrays:
        prefix = "train_" if "train_images" in arrays.files else ""
        labels = _array(arrays, path, f"{prefix}labels")
        license = _license(arrays, path)
        classes = _class_names(arrays, path) if "class_names" in arrays else None
        if part == "train":
            images = _array(arrays, path, f"{prefix}images")
            return LabelledSet.from_arrays(images, labels, name=name, classes=classes, license=license)
        if classes is None:
            classes = LabelledSet.from_arrays(_blank(np.size(labels)), labels, name=name).classes
        images, labels = _array(arrays, path, "test_images"), _array(arrays, path, "test_labels")
        return LabelledSet.test_part(images, labels, name=name, classes=classes, license=license)


def read_npz_images(path: Path, *, name: str) -> UnlabelledSet:
    """The images alone ("train_images" or "images")."""
    with _opened(path) as arrays:
        key = "train_images" if "train_images" in arrays.files else "images"
        return UnlabelledSet.from_images(_array(arrays, path, key), name=name, license=_license(arrays, path))


def npz_has_labels(path: Path) -> bool:
    """Whether the file holds labels, or no images that could go without."""
    with _opened(path) as arrays:
        return bool({"labels", "train_labels"} & {*arrays.files}) or not {"images", "train_images"} & {*arrays.files}


def npz_has_test(path: Path) -> bool:
    """Whether the file holds test images."""
    with _opened(path) as arrays:
        return "test_images" in arrays.files


@contextmanager
def _opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        arrays = np.load(path, allow_pickle=False)
    except _DAMAGE as error:
        raise InvalidDataError(
            f"{path} is not a readable npz file ({error}); write one with numpy.savez_compressed"
        ) from error
    with arrays:
        if unpacked > (limit := most_bytes()):
            raise TooLargeError(
                f"{path} unpacks to {unpacked / 2**30:.1f} GiB, the limit is {limit / 2**30:.1f} GiB; "
                "save a subset or smaller images, or set GEOSEARCH_MAX_GIB higher"
            )
        yield arrays


def _blank(n: int) -> np.ndarray:
    """Stand-ins for training images, where only the training labels are to be checked."""
    return np.zeros((n, 1, 1), np.uint8)


def _license(arrays: np.lib.npyio.NpzFile, path: Path) -> str:
    """What the file says, else the card that geosearch wrote beside it."""
    said = [_array(arrays, path, key).reshape(-1)[:1] for key in ("license", "licence") if key in arrays]
    return next((str(text) for found in said for text in found), "") or read_license(path.parent)


def _class_names(arrays: np.lib.npyio.NpzFile, path: Path) -> tuple[str, ...]:
    names = _array(arrays, path, "class_names")
    if names.ndim != 1:
        raise InvalidDataError(f"{path}: class_names must be a list of names, one per class, got shape {names.shape}")
    return tuple(map(str, names))


def _array(arrays: np.lib.npyio.NpzFile, path: Path, key: str) -> np.ndarray:
    if key not in arrays.files:
        raise InvalidDataError(f"{path} has no array '{key}'; expected {_ARRAYS}; it has {', '.join(arrays.files)}")
    try:
        return arrays[key]
    except _DAMAGE as error:
        pickled = "allow_pickle" in str(error)
        remedy = (
            "it holds Python objects; save plain arrays of numbers or strings of one shape"
            if pickled
            else f"the file is damaged ({error}); write it again"
        )
        raise InvalidDataError(f"{path}: array '{key}' cannot be read: {remedy}") from error
