"""ImageFolderLoader: folders of image files, a sub-folder per class."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.data.class_names import describe_similar
from geosearch.data.dataset import LabelledSet
from geosearch.data.fit import describe_crop
from geosearch.data.license import read_license
from geosearch.data.loaders.account import Account
from geosearch.data.loaders.base import Part, register_loader
from geosearch.data.loaders.division import Division, Split, divide
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.loaders.folder_tree import FolderTree, scan_folder
from geosearch.data.loaders.image_files import decode_images, median_size
from geosearch.data.loaders.label_hints import hint_at_labels
from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.loaders.suffixes import describe_readable, is_readable
from geosearch.data.read_report import Reason, list_some
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError


@register_loader
@dataclass(frozen=True)
class ImageFolderLoader(PathLoader):
    """``imagefolder:PATH``: a sub-folder per class, a table of labels, or ``train/`` and ``test/`` that have either.

    A table is a file such as metadata.csv, metadata.jsonl or labels.csv with a column of file names and one of classes.
    Image files that lie directly in the folder, without any sub-folder of images, are a set without labels. Images
    of one common size keep it; mixed sizes are brought to the median size of the training part.
    """

    form = "imagefolder:PATH"
    kind = "imagefolder"
    is_folder = True
    labels_expected = "its images lie directly in the folder; expected a sub-folder per class, or a table (labels.csv)"

    @classmethod
    def suggest(cls, spec: str) -> str | None:
        return f"imagefolder:{spec}" if os.path.isdir(spec) else None

    @property
    def has_labels(self) -> bool:
        """Whether there is a sub-folder with images, or no image directly in the folder."""
        train = self._division.train
        return bool(train.files) or not train.loose

    @property
    def has_test(self) -> bool:
        """Whether the folder is divided into parts, of which one for testing has labels."""
        return self.has_labels and self._division.test is not None

    def _read(self, part: Part) -> LabelledSet | UnlabelledSet:
        division = self._division
        split = division.test if part == "test" and division.test else division.train
        account = self._account(division.notes if part == "train" else [])
        self._pass_over(account, split)
        self._check(split)
        files = [(file, name) for name, files in split.files.items() for file in files]
        files = files or [(file, "") for file in split.loose]
        account.check(Counter(group for _, group in files))  # before anything is decoded
        judged = (lambda: self._rendering) if part == "test" else self.options.judged
        decoded = decode_images(
            [file for file, _ in files], self._size, self.name, fit=self.options.fit, rendering=judged
        )
        if part == "train":
            vars(self)["_rendering"] = decoded.rendering  # so that nothing is decoded again for it
            account.notes += decoded.rendering.notes
            account.notes += filter(None, [describe_similar(split.files), _describe_empty(split)])
            if self.options.size is not None and self.options.fit == "crop":
                account.notes += filter(None, [describe_crop(decoded.kept)])
        groups = np.array([group for _, group in files])
        account.pass_over_failures(decoded.failures, groups[~decoded.read])
        groups = groups[decoded.read]
        taken = {str(name): int((groups == name).sum()) for name in dict.fromkeys(group for _, group in files)}
        account.check(taken)
        report = account.report(self.spec, self.kind, part, taken)
        common: dict[str, Any] = {"name": self.name, "license": read_license(self.path)}
        inside = [file.relative_to(self.path) if file.is_relative_to(self.path) else file for file, _ in files]
        found: dict[str, Any] = {"report": report, "row_names": np.array(inside, str)[decoded.read]}
        if not self.has_labels:
            return replace(UnlabelledSet.from_images(decoded.images, **common), **found)
        classes = tuple(division.train.files)
        labels = np.array([classes.index(name) for name in groups])
        build = LabelledSet.from_arrays if part == "train" else LabelledSet.test_part
        return replace(build(decoded.images, labels, classes=classes, **common), **found)

    def read_unlabelled(self) -> UnlabelledSet:
        """All images at any depth, whatever the folders are called."""
        account, files = self._account([]), self._tree.all_images
        for path, reason in self._tree.all_passed:
            account.pass_over(path, reason)
        if not files:
            raise InvalidDataError(
                f"{self.path} has no image that can be read, at any depth; expected {describe_readable()}"
            )
        side = self.options.size
        size = (side, side) if side else median_size(files)
        decoded = decode_images(files, size, self.name, fit=self.options.fit, rendering=self.options.judged)
        account.pass_over_failures(decoded.failures, [""] * len(decoded.failures))
        account.notes += decoded.rendering.notes
        taken = {"": int(decoded.read.sum())}
        account.check(taken)
        data = UnlabelledSet.from_images(decoded.images, name=self.name, license=read_license(self.path))
        names = np.array([str(file.relative_to(self.path)) for file in files])[decoded.read]
        return replace(data, report=account.report(self.spec, self.kind, "train", taken), row_names=names)

    def read_without_labels(self) -> UnlabelledSet:
        """The training part; all images where folders and tables give no classes, which nobody needs here."""
        try:
            self._check(self._division.train)
        except InvalidDataError:
            return self.read_unlabelled()
        return super().read_without_labels()

    def _account(self, notes: list[str]) -> Account:
        return Account(self.path, notes=[*notes], strict=self.options.on_damaged == "refuse")

    def _pass_over(self, account: Account, split: Split) -> None:
        """All that is seen and not taken: beside the training part, what lies anywhere but in the test part."""
        division = self._division
        train, test = division.train, division.test
        trees, apart = {self.path}, test.places - train.places if test else set()
        if test and split is test:
            trees, apart = test.places - train.places, set()
        taken = {file for each in (train, test) if each for file in each.all_files}
        tables = {each.table.path for each in (train, test) if each and each.table}
        for path, reason in self._tree.all_passed:
            if _within(path, trees) and not _within(path, apart) and path not in tables:
                account.pass_over(path, reason, _group(path, split, reason))
        unread = {folder.path for folder in division.unread}
        for file in self._tree.all_images:
            if file not in taken and _within(file, trees) and not _within(file, apart):
                beside = Reason.UNLISTED if split.table and _within(file, split.places) else Reason.LOOSE
                is_other = _within(file, unread) or (split.table and file in split.table.labels)
                account.pass_over(file, Reason.OTHER_PART if is_other else beside)

    def _check(self, split: Split) -> None:
        """Refuse too few classes, and unknown ones in the test part."""
        if not self.has_labels:
            return
        train, place = self._division.train, split.tree.path
        if unknown := sorted(split.files.keys() - train.files.keys()):
            raise InvalidDataError(
                f"{place} has classes that {train.tree.path} lacks: {', '.join(unknown[:5])}; "
                f"use the same {'labels' if split.table else 'sub-folders'} in both"
            )
        lost = [] if split.table else [folder for folder in split.tree.folders if not folder.all_images and folder.lost]
        if split is train and len(split.files) + len(lost) < 2:
            found = list_some((f"'{name}'" for name in split.files), len(split.files)) or "none"
            kind = "classes" if split.table else "sub-folders with images"
            raise InvalidDataError(
                f"{place} has too few {kind} ({found}); expected one per class, at least 2, holding "
                f"{describe_readable()}"
            )

    @property
    def unlabelled_because(self) -> str:
        problems = "".join(f"; {problem}" for problem in [*self._division.problems, *hint_at_labels(self._tree)])
        return super().unlabelled_because + problems

    @property
    def rendering(self) -> SetRendering:
        return self._rendering

    @cached_property
    def _tree(self) -> FolderTree:
        return scan_folder(self.path)

    @cached_property
    def _division(self) -> Division:
        return divide(self._tree)

    @cached_property
    def _rendering(self) -> SetRendering:
        files = self._division.train.all_files
        return decode_images(
            files, self._size, self.name, fit=self.options.fit, rendering=self.options.judged
        ).rendering

    @cached_property
    def _size(self) -> tuple[int, int]:
        """(w, h) to which the images of both parts are brought."""
        if self.options.size is not None:
            return self.options.size, self.options.size
        return median_size(self._division.train.all_files)


def _within(path: Path, folders: set[Path]) -> bool:
    return not folders.isdisjoint((path, *path.parents))


def _describe_empty(split: Split) -> str:
    """What to say of class folders in which nothing lies."""
    folders = [] if split.table or not split.files else split.tree.folders
    empty = [folder.name for folder in folders if not folder.all_images and not folder.all_passed]
    return f"no image in: {list_some(empty, len(empty))}" if empty else ""


def _group(path: Path, split: Split, reason: Reason) -> str:
    """The class that a file would belong to; empty text beside the classes."""
    if reason.lost and path.parent == split.tree.path and split.groups and not is_readable(path):
        return path.name  # a class folder that is a link to nowhere
    return next((split.groups[folder] for folder in (path, *path.parents) if folder in split.groups), "")
