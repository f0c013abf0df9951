"""NpzLoader: sets in npz files of plain arrays; pickled objects are never read."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.data.class_names import describe_similar
from geosearch.data.dataset import LabelledSet, stack_images
from geosearch.data.license import read_license
from geosearch.data.loaders.base import Part, register_loader
from geosearch.data.loaders.limits import most_bytes
from geosearch.data.loaders.object_labels import read_objects
from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.rendering import Rendering
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError, TooLargeError

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, KeyError, TypeError,
    NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, MemoryError, OverflowError, RecursionError,
)  # of archives, of their compression, and of headers that promise what no memory holds  # fmt: skip
_ARRAYS = "train_images, train_labels, test_images, test_labels, class_names; or images, labels"
_NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),  # as Keras has them
    ("images", "labels", "test_images", "test_labels"),
    ("x", "y", "x_test", "y_test"),
)  # of images and labels of the training part and of the test part, both in small letters


@register_loader
@dataclass(frozen=True)
class NpzLoader(PathLoader):
    """``npz:PATH``: arrays `train_images`, `train_labels`, or `images`, `labels`, as `numpy.savez` writes them.

    Optional arrays: `test_images` with `test_labels`, `class_names`, `license`. `x_train`, `y_train`, `x_test` and
    `y_test` are read, too, as are `x` and `y`, be they capital letters or not.
    """

    form = "npz:PATH"
    kind = "npz"
    labels_expected = "there is no array 'labels' beside 'images', nor 'train_labels' beside 'train_images'"

    @classmethod
    def suggest(cls, spec: str) -> str | None:
        return f"npz:{spec}" if Path(spec).suffix == ".npz" else None

    @property
    def has_labels(self) -> bool:
        """Whether the file holds labels, or no images that could go without."""
        return bool({"labels", self._keys[1]} & {*self._arrays.files}) or self._keys[0] not in self._arrays.files

    @property
    def has_test(self) -> bool:
        return {*self._keys[2:]} <= {*self._arrays.files}

    @property
    def unlabelled_because(self) -> str:
        return f"{self.labels_expected}; the file has {', '.join(self._arrays.files)}"

    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        train_images, train_labels, test_images, test_labels = self._keys
        images = test_images if part == "test" else train_images
        if not self.has_labels:
            return UnlabelledSet.from_images(self._pixels(images), name=self.name, license=self._license())
        labels, license, classes = self._label_array(train_labels), self._license(), self._class_names()
        if part == "train":
            pixels = self._pixels(images, len(labels))
            data = LabelledSet.from_arrays(pixels, labels, name=self.name, classes=classes, license=license)
            notes = [self._rendering.note, describe_similar(data.classes), self._unread_note()]
            return replace(data, report=self.plain_report("train", len(data), notes))
        if classes is None:
            blank = np.zeros((len(labels), 1, 1), np.uint8)  # only the training labels are to be checked
            classes = LabelledSet.from_arrays(blank, labels, name=self.name).classes
        labels = self._label_array(test_labels)
        pixels = self._pixels(images, len(labels))
        return LabelledSet.test_part(pixels, labels, name=self.name, classes=classes, license=license)

    def _pixels(self, key: str, count: int | None = None) -> np.ndarray:
        """uint8 (n, h, w, ch), both parts rendered as the training part; `count` is the number of labels."""
        array = stack_images(self._array(key), self.name, count)
        if key != self._keys[2]:
            vars(self)["_rendering"] = Rendering.of(array, self.name)  # so that the array is not read again for it
        return self._rendering.apply(array)

    @cached_property
    def _rendering(self) -> Rendering:
        return Rendering.of(stack_images(self._array(self._keys[0]), self.name), self.name)

    @cached_property
    def _keys(self) -> tuple[str, str, str, str]:
        """The arrays of images and labels of the training part, then of the test part, as this file calls them."""
        found = {name.lower(): name for name in self._arrays.files}
        names = next((names for names in _NAMES if names[0] in found), _NAMES[2])
        train_images, train_labels, test_images, test_labels = (found.get(name, name) for name in names)
        return train_images, train_labels, test_images, test_labels

    def _unread_note(self) -> str:
        """What to say of further arrays that hold images, such as a validation part."""
        taken = {*self._keys[: 4 if self.has_test else 2]}
        rest = [name for name in self._arrays.files if name not in taken]
        unread = [name for name in rest if {"images", "x", "imgs"} & {*name.lower().split("_")}]
        without = ", which has no labels" if self._keys[2] in unread else ""
        return f"not read: {', '.join(name + without * (name == self._keys[2]) for name in unread)}" if unread else ""

    def _label_array(self, key: str) -> np.ndarray:
        """(n,) or (n, c), also of text that was saved as Python objects"""
        labels = self._array(key, objects=True)
        if not labels.ndim:
            raise InvalidDataError(f"{self.path}: expected one label per image in '{key}', got the single {labels}")
        return labels

    @cached_property
    def _opened(self) -> tuple[np.lib.npyio.NpzFile, ExitStack]:
        """The archive, and what closes it."""
        path = self.path
        with ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("rb"))
                if not zipfile.is_zipfile(file):  # else numpy.load would read another format
                    raise zipfile.BadZipFile("File is not a zip file")
                file.seek(0)
                arrays = stack.enter_context(np.load(file, allow_pickle=False))
                unpacked = sum(entry.file_size for entry in arrays.zip.infolist())
            except _DAMAGE as error:
                raise InvalidDataError(
                    f"{path} is not a readable npz file ({error}); "
                    + ("it is cut off or damaged: copy it again, or " if _begins_as_zip(path) else "")
                    + "write one with numpy.savez_compressed"
                ) from error
            if unpacked > (limit := most_bytes()):
                raise TooLargeError(
                    f"{path} unpacks to {unpacked / 2**30:.1f} GiB, the limit is {limit / 2**30:.1f} GiB; "
                    "save a subset or smaller images, or set GEOSEARCH_MAX_GIB higher"
                )
            return arrays, stack.pop_all()

    @property
    def _arrays(self) -> np.lib.npyio.NpzFile:
        return self._opened[0]

    def close(self) -> None:
        if "_opened" in vars(self):
            vars(self).pop("_opened")[1].close()

    def _license(self) -> str:
        """What the file says, else the card that geosearch wrote beside it."""
        said = [self._array(key).reshape(-1)[:1] for key in ("license", "licence") if key in self._arrays]
        return next((str(text) for found in said for text in found), "") or read_license(self.path.parent)

    def _class_names(self) -> tuple[str, ...] | None:
        if "class_names" not in self._arrays:
            return None
        names = self._array("class_names", objects=True)
        if names.ndim != 1:
            raise InvalidDataError(
                f"{self.path}: class_names must be a list of names, one per class, got shape {names.shape}"
            )
        return tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names)

    def _array(self, key: str, *, objects: bool = False) -> np.ndarray:
        """One array; `objects` allows text and numbers that were saved as Python objects."""
        if key not in self._arrays.files:
            raise InvalidDataError(
                f"{self.path} has no array '{key}'; expected {_ARRAYS}; it has {', '.join(self._arrays.files)}"
            )
        try:
            try:
                return self._arrays[key]
            except ValueError as error:
                if not objects or "allow_pickle" not in str(error):
                    raise
            archive: Any = self._arrays.zip
            with archive.open(f"{key}.npy") as file:
                return read_objects(file)
        except _DAMAGE as error:
            pickled = "allow_pickle" in str(error) or "Python objects" in str(error)
            plain = "numpy.stack([*images]).astype(numpy.uint8)" if key in self._keys[::2] else "labels.astype(str)"
            remedy = (
                f"it holds Python objects; save plain arrays of numbers or text of one shape, e.g. {plain}"
                if pickled
                else f"the file is damaged ({error}); write it again"
            )
            raise InvalidDataError(f"{self.path}: array '{key}' cannot be read: {remedy}") from error


def _begins_as_zip(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(2) == b"PK"
    return False
