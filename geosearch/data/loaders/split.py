"""Split: one part of a folder of images: its classes, and the files of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
        files = {folder.name: folder.all_images for folder in tree.image_folders}
        return cls(tree, files, tree.images, {folder.path: folder.name for folder in tree.folders})

    @classmethod
    def of_table(cls, tree: FolderTree, table: LabelTable, labels: dict[Path, str]) -> Split:
        """A part of images that a table gives a class."""
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
