"""TableSearch: finds the table that gives labels to the images of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geosearch.data.loaders.folder_tree import FolderTree
from geosearch.data.loaders.image_index import ImageIndex
from geosearch.data.loaders.label_table import LabelTable, explain_mismatch, label_images
from geosearch.data.loaders.part_names import Kind, parse_part_name
from geosearch.data.loaders.table import Table, read_table
from geosearch.errors import InvalidDataError

_FIRST = ("metadata", "labels", "label", "annotations", "classes", "train", "groundtruth", "index")


class TableSearch:
    """Looks for tables in the folder of a set; each is read once.

    Attributes:
        problems: why tables that were seen give no labels.
        mismatches: of those, the tables that name other images than there are.
    """

    def __init__(self, root: FolderTree) -> None:
        self.problems: list[str] = []
        self.mismatches: list[str] = []
        self._root = root
        self._tables: dict[Path, Table | None] = {}

    def find(self, images: Sequence[Path], places: Sequence[FolderTree], kind: Kind | None = None) -> LabelTable | None:
        """The first table that names these images and gives each a class.

        Args:
            images: the images.
            places: folders in which a table may lie.
            kind: the part that the images are; tables named after another part are left out.
        """
        for path in [table for folder in places for table in sorted(folder.tables, key=_rank)]:
            named = parse_part_name(path.stem)
            if kind and named and named.kind != kind:
                continue
            if (table := self._read(path)) is None:
                continue
            index = ImageIndex(images, path.parent)
            try:
                found = label_images(table, index, len(images))
            except InvalidDataError as error:
                self._note(str(error))
                continue
            if found and found.labels:
                everywhere = ImageIndex(self._root.all_images, path.parent)
                absent = tuple(text for text in found.absent if not everywhere.knows(text))
                return replace(found, absent=absent)
            if not found and (problem := explain_mismatch(table, index)):
                self._note(problem)
                self.mismatches.append(problem)
        return None

    def _read(self, path: Path) -> Table | None:
        if path not in self._tables:
            try:
                self._tables[path] = read_table(path)
            except InvalidDataError as error:
                self._tables[path] = None
                self._note(str(error))
        return self._tables[path]

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _rank(path: Path) -> tuple[int, str]:
    """Tables that are usually called so come first."""
    return next((number for number, word in enumerate(_FIRST) if word in path.stem.lower()), len(_FIRST)), path.name
