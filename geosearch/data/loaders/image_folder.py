"""ImageFolderLoader: folders of image files, a sub-folder per class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.license import read_license
from geosearch.data.loaders.base import Part, register_loader
from geosearch.data.loaders.image_files import SUFFIXES, decode_images, is_image_file, median_size
from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError

_PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


@register_loader
@dataclass(frozen=True)
class ImageFolderLoader(PathLoader):
    """``imagefolder:PATH``: a sub-folder per class, or ``train/`` and ``test/`` that have them.

    Image files that lie directly in the folder, without any sub-folder of images, are a set without labels. Images
    of one common size keep it; mixed sizes are brought to the median size of the training part.
    """

    form = "imagefolder:PATH"
    kind = "imagefolder"
    is_folder = True
    labels_expected = "its images lie directly in the folder; expected a sub-folder per class"

    @classmethod
    def suggest(cls, spec: str) -> str | None:
        return f"imagefolder:{spec}" if os.path.isdir(spec) else None

    @property
    def has_labels(self) -> bool:
        """Whether there is a sub-folder with images, or no image directly in the folder."""
        return self.has_test or not self._loose or bool(self._by_class)

    @cached_property
    def has_test(self) -> bool:
        """Whether the folder is divided into train/ and test/."""
        return all(any(_folders(self.path / part)) for part in ("train", "test"))

    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        license = read_license(self.path)
        if not self.has_labels:
            images = decode_images(self._loose, self._size)
            return UnlabelledSet.from_images(images, name=self.name, license=license)
        train = _checked(self._train_folder, self._by_class, least=2)
        classes = tuple(train)
        grouped = train if part == "train" else self._test_by_class(classes)
        images = decode_images([file for files in grouped.values() for file in files], self._size)
        labels = np.repeat([classes.index(name) for name in grouped], [len(files) for files in grouped.values()])
        if part == "train":
            return LabelledSet.from_arrays(images, labels, name=self.name, classes=classes, license=license)
        return LabelledSet.test_part(images, labels, name=self.name, classes=classes, license=license)

    def _test_by_class(self, classes: tuple[str, ...]) -> dict[str, list[Path]]:
        folder = self.path / "test"
        grouped = _checked(folder, _group(folder), least=1)
        if unknown := sorted(grouped.keys() - {*classes}):
            raise InvalidDataError(
                f"{folder} has classes that {self._train_folder} lacks: {', '.join(unknown[:5])}; "
                "use the same sub-folders in both"
            )
        return grouped

    @property
    def _train_folder(self) -> Path:
        return self.path / "train" if self.has_test else self.path

    @cached_property
    def _by_class(self) -> dict[str, list[Path]]:
        """Class name -> image files of the training part."""
        return _group(self._train_folder)

    @cached_property
    def _loose(self) -> list[Path]:
        """Image files directly in the folder, sorted."""
        return sorted(file for file in self.path.iterdir() if is_image_file(file))

    @cached_property
    def _size(self) -> tuple[int, int]:
        """(w, h) to which the images of both parts are brought."""
        if self.options.size is not None:
            return self.options.size, self.options.size
        return median_size([file for files in self._by_class.values() for file in files] or self._loose)


def _group(folder: Path) -> dict[str, list[Path]]:
    """Class name -> image files, both sorted; sub-folders without an image are no classes."""
    found = {
        below.name: sorted(file for file in below.rglob("*") if is_image_file(file))
        for below in _folders(folder)
        if not below.name.startswith(".")
    }
    return {name: files for name, files in found.items() if files}


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def _checked(folder: Path, grouped: dict[str, list[Path]], *, least: int) -> dict[str, list[Path]]:
    """The grouped files of a folder; refused if there are too few classes, or parts in place of classes."""
    if grouped and {name.lower() for name in grouped} <= _PARTS:
        raise InvalidDataError(
            f"{folder} is divided into parts ({', '.join(grouped)}), not into classes; call two of them train and "
            f"test, each with a sub-folder per class, or take one: imagefolder:{folder / next(iter(grouped))}"
        )
    if len(grouped) < least:
        raise InvalidDataError(
            f"{folder} has {len(grouped)} sub-folders with images; expected one per class, at least {least}, holding "
            f"files of type {' '.join(sorted(SUFFIXES))}"
        )
    return grouped
