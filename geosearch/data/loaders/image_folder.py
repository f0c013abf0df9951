"""ImageFolderLoader: folders of image files, a sub-folder per class."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.license import read_license
from geosearch.data.loaders.account import Account
from geosearch.data.loaders.base import Part, register_loader
from geosearch.data.loaders.folder_tree import FolderTree, scan_folder
from geosearch.data.loaders.image_files import decode_images, median_size
from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.loaders.suffixes import readable_suffixes
from geosearch.data.read_report import Reason
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
        return self.has_test or not self._tree.images or bool(self._train_tree.image_folders)

    @cached_property
    def has_test(self) -> bool:
        """Whether the folder is divided into train/ and test/."""
        return all(any(folder.folders for folder in self._tree.folders if folder.name == p) for p in ("train", "test"))

    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        license = read_license(self.path)
        account = Account(self.path)
        if not self.has_labels:
            return self._unlabelled(account, license)
        train = _checked(self._train_tree, least=2)
        classes = tuple(folder.name for folder in train)
        folders = train if part == "train" else self._test_folders(classes)
        tree = self._train_tree if part == "train" else self._test_tree
        for file in tree.images:
            account.pass_over(file, Reason.LOOSE)
        for path, reason in tree.passed:
            account.pass_over(path, reason)
        for folder in tree.folders:
            account.pass_over_tree(folder, folder.name)
        if part == "train":
            account.check({folder.name: len(folder.all_images) for folder in folders})  # before anything is decoded
        groups = [folder.name for folder in folders for _ in folder.all_images]
        decoded = decode_images([file for folder in folders for file in folder.all_images], self._size)
        failed = [group for group, read in zip(groups, decoded.read, strict=True) if not read]
        account.pass_over_failures(decoded.failures, failed)
        groups = [group for group, read in zip(groups, decoded.read, strict=True) if read]
        taken = {name: groups.count(name) for name in dict.fromkeys(folder.name for folder in folders)}
        account.check(taken)
        labels = np.array([classes.index(name) for name in groups])
        report = account.report(self.spec, self.kind, part, taken)
        build = LabelledSet.from_arrays if part == "train" else LabelledSet.test_part
        data = build(decoded.images, labels, name=self.name, classes=classes, license=license)
        return replace(data, report=report)

    def _unlabelled(self, account: Account, license: str) -> UnlabelledSet:
        files = self._tree.images
        account.pass_over_tree(self._tree)
        decoded = decode_images(files, self._size)
        account.pass_over_failures(decoded.failures, [""] * len(decoded.failures))
        taken = {"": len(decoded.images)}
        account.check(taken)
        data = UnlabelledSet.from_images(decoded.images, name=self.name, license=license)
        return replace(data, report=account.report(self.spec, self.kind, "train", taken))

    def _test_folders(self, classes: tuple[str, ...]) -> list[FolderTree]:
        folders = _checked(self._test_tree, least=1)
        if unknown := sorted({folder.name for folder in folders} - {*classes}):
            raise InvalidDataError(
                f"{self._test_tree.path} has classes that {self._train_tree.path} lacks: {', '.join(unknown[:5])}; "
                "use the same sub-folders in both"
            )
        return folders

    @cached_property
    def _tree(self) -> FolderTree:
        return scan_folder(self.path)

    @property
    def _train_tree(self) -> FolderTree:
        return next(below for below in self._tree.folders if below.name == "train") if self.has_test else self._tree

    @property
    def _test_tree(self) -> FolderTree:
        return next(below for below in self._tree.folders if below.name == "test")

    @cached_property
    def _size(self) -> tuple[int, int]:
        """(w, h) to which the images of both parts are brought."""
        if self.options.size is not None:
            return self.options.size, self.options.size
        return median_size(
            [file for below in self._train_tree.folders for file in below.all_images] or self._tree.images
        )


def _checked(tree: FolderTree, *, least: int) -> list[FolderTree]:
    """The class folders of a folder; refused if there are too few, or parts in place of classes."""
    folders = tree.image_folders
    names = [folder.name for folder in folders]
    if names and {name.lower() for name in names} <= _PARTS:
        raise InvalidDataError(
            f"{tree.path} is divided into parts ({', '.join(names)}), not into classes; call two of them train and "
            f"test, each with a sub-folder per class, or take one: imagefolder:{folders[0].path}"
        )
    lost = [folder for folder in tree.folders if not folder.all_images and folder.lost]
    if len(folders) + len(lost) < least:
        raise InvalidDataError(
            f"{tree.path} has {len(folders)} sub-folders with images; expected one per class, at least {least}, "
            f"holding files of type {' '.join(sorted(readable_suffixes()))}"
        )
    return folders
