"""Split: one part of a folder of images: its classes, and the files of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from geosearch.data.class_names import tidy_name
from geosearch.data.loaders.folder_tree import FolderTree
from geosearch.data.loaders.label_table import LabelTable


@dataclass(frozen=True)
class Split:
    """One part of a set.

    Attributes:
        tree: where it lies.
        files: class -> image files, sorted; empty without labels.
        loose: images that have no class.
        groups: class folder -> class, also of folders whose images cannot be read.
        scattered: whether the class folders do not lie in one folder of this part.
        table: the table that the labels are from, if they are not from folders.
    """

    tree: FolderTree
    files: dict[str, list[Path]]
    loose: list[Path]
    groups: dict[Path, str]
    scattered: bool = False
    table: LabelTable | None = None

    @property
    def all_files(self) -> list[Path]:
        """The images, with a class or loose."""
        return [file for files in self.files.values() for file in files] or self.loose

    @property
    def places(self) -> set[Path]:
        """The folders that it consists of."""
        return {*self.groups} if self.scattered else {self.tree.path}

    @classmethod
    def of(cls, tree: FolderTree) -> Split:
        """A part with a sub-folder for each class, or loose images."""
        files: dict[str, list[Path]] = {}
        for folder in tree.image_folders:
            name = tidy_name(folder.name)
            files[name] = sorted(files.get(name, []) + folder.all_images)
        ordered = {name: files[name] for name in sorted(files)}
        return cls(tree, ordered, tree.images, {folder.path: tidy_name(folder.name) for folder in tree.folders})

    def renamed(self, names: dict[str, str]) -> Split:
        """The same part with other names for its classes."""
        files = {names.get(name, name): files for name, files in self.files.items()}
        return replace(self, files=files, groups={path: names.get(name, name) for path, name in self.groups.items()})

    @classmethod
    def of_table(cls, tree: FolderTree, table: LabelTable, labels: dict[Path, str]) -> Split:
        """A part of images that a table gives a class."""
        labels = {file: tidy_name(label) for file, label in labels.items()}
        names = sorted({*labels.values()}, key=_natural)
        files: dict[str, list[Path]] = {name: [] for name in names}
        for file in sorted(labels):
            files[labels[file]].append(file)
        return cls(tree, files, [], {}, table=table)

    @classmethod
    def without_labels(cls, tree: FolderTree) -> Split:
        """A part all of whose images have no class, however deep they lie."""
        return cls(tree, {}, tree.all_images, {})


def _natural(name: str) -> tuple[int, int, str]:
    """Numbers by their size, before words."""
    return (0, int(name), name) if name.isdecimal() and name.isascii() else (1, 0, name)
