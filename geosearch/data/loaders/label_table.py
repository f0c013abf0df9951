"""LabelTable: which column of a table names the images, which their classes, and what it says of these images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from geosearch.data.loaders.image_index import ImageIndex
from geosearch.data.loaders.part_names import Kind, parse_part_name
from geosearch.data.loaders.suffixes import is_readable
from geosearch.data.loaders.table import Table
from geosearch.data.read_report import list_some
from geosearch.errors import InvalidDataError

_FILES = (
    "filename", "file", "filepath", "imagepath", "imagefile", "imagefilename", "imagename", "image", "img", "imgpath",
    "imgname", "path", "relpath", "relativepath", "fname", "name", "imageid", "imgid", "fileid", "id", "idcode",
    "picture", "photo",
)  # fmt: skip
_LABELS = (
    "labelname", "labeltext", "classname", "categoryname", "label", "class", "category", "classlabel", "labels",
    "classes",
    "findinglabels", "target", "species", "breed", "variety", "diagnosis", "dx", "tag", "type", "y",
    "classid", "labelid", "categoryid", "finding",
)  # fmt: skip
_PLAIN = _LABELS[:11]  # names that a column of classes alone has
_SPLITS = ("split", "set", "subset", "partition", "part", "phase", "usage")
_MISSING = frozenset({"", "nan", "null", "n/a", "#n/a", "<na>"})  # how tables write that there is no label
_MATCHED = 0.5  # of the rows, or of the images, at least
_TRUE, _FALSE = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false", ""})


@dataclass(frozen=True)
class LabelTable:
    """What a table says of images.

    Attributes:
        path: the file of the table.
        column: name of the column with the classes; empty if there is a column for each class.
        labels: image -> class.
        splits: image -> part, as the table names it; empty if it names none.
        absent: files that it names and that are not there.
        plain: whether both columns have the usual names.
        missing: the words of rows that were understood as no label, such as "nan".
    """

    path: Path
    column: str
    labels: dict[Path, str]
    splits: dict[Path, str]
    absent: tuple[str, ...]
    plain: bool = False
    missing: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """A sentence about where the labels are from."""
        column = f"column '{self.column}' of " if self.column else ""
        said = [f"the labels are from {column}{self.path.name}"]
        if self.absent:
            names = list_some(self.absent, len(self.absent))
            said.append(f"{len(self.absent):,} of its rows name images that are not there ({names})")
        if self.missing:
            words = " or ".join(f"'{word}'" for word in dict.fromkeys(self.missing))
            said.append(f"{len(self.missing):,} of its rows say {words}, which is no label; rename it if it is a class")
        return "; ".join(said)

    @cached_property
    def parts(self) -> dict[Path, Kind | None]:
        """image -> its part: for training where the table leaves it blank, None where it says what is no part."""
        named = {text: parse_part_name(text) for text in {*self.splits.values()}}
        kinds: dict[str, Kind | None] = {text: name.kind if name else None for text, name in named.items()}
        return {file: kinds.get(self.splits.get(file, ""), "train") for file in self.labels}


def label_images(table: Table, index: ImageIndex, count: int) -> LabelTable | None:
    """The classes that a table gives to images.

    Args:
        table: any table.
        index: finds the images.
        count: how many images there are.

    Returns:
        None if the table names no images, or few of these.

    Raises:
        InvalidDataError: it names the images, but has no class for each: no such column, several labels an image, or
            numbers in place of classes. The message says what can be done.
    """
    if any(index.find(name) for name in table.columns):  # no header
        table = table.with_header_as_row()
    columns = [re.sub(r"[\W_]+", "", name.lower()) for name in table.columns]
    if (files := _file_column(table, columns, index, count)) is None:
        index = index.loosened()
        if (files := _file_column(table, columns, index, count)) is None:
            return None
        if not _one_to_one(table.column(files), index, count):
            return None
    found = index.find_all(table.column(files))
    absent = tuple(row[files] for row, file in zip(table.rows, found, strict=True) if file is None and row[files])
    split = next((columns.index(name) for name in _SPLITS if name in columns), None)
    splits = {} if split is None else {
        file: row[split] for row, file in zip(table.rows, found, strict=True) if file and row[split]
    }  # fmt: skip
    column, cells = _classes(table, columns, files, split)
    named = columns[files] in _FILES and any(table.columns[columns.index(n)] == column for n in _PLAIN if n in columns)
    labels = _unique(table, found, cells, few=named)
    return LabelTable(table.path, column, labels, splits, absent, named, _missing_words(found, cells))


def _file_column(table: Table, columns: list[str], index: ImageIndex, count: int) -> int | None:
    """The column that names most images: one that is called so, else any."""
    named = [columns.index(name) for name in _FILES if name in columns]
    for column in (*named, *(number for number in range(len(columns)) if number not in named)):
        cells = table.column(column)
        sample = cells[:: max(1, len(cells) // 1000)]
        found = sum(file is not None for file in index.find_all(sample))
        images = found * len(cells) / max(1, len(sample))  # about as many are named in all rows
        if found and (found >= _MATCHED * len(sample) or images >= _MATCHED * count):
            return column
    return None


def _one_to_one(cells: list[str], index: ImageIndex, count: int) -> bool:
    """Whether no two names of a table mean the same file, and most of them and of the images belong together."""
    names = [*{cell for cell in cells if cell}]
    found = [file for file in index.find_all(names) if file]
    return len({*found}) == len(found) >= _MATCHED * max(len(names), count)


def explain_mismatch(table: Table, index: ImageIndex) -> str:
    """What to say of a table that seems to hold labels, of other images than these; empty if it holds none."""
    columns = [re.sub(r"[\W_]+", "", name.lower()) for name in table.columns]
    files = next((columns.index(name) for name in _FILES if name in columns), None)
    label = next((columns.index(name) for name in _LABELS if name in columns), None)
    if not table.rows or (None in (files, label) and not re.search("label|annotation|truth", table.path.stem.lower())):
        return ""
    names = [cell for cell in table.column(files or 0) if cell]
    known = sum(file is not None for file in index.find_all(names))
    match = f"only {known:,} of its {len(names):,} rows name an image" if known else "none of its rows names an image"
    return (
        f"{table.path.name} seems to hold labels, but {match}: it names {', '.join(names[:2])}, and the images are "
        f"{', '.join(index.examples)}; make them alike, or move the table elsewhere"
    )


def _classes(table: Table, columns: list[str], files: int, split: int | None) -> tuple[str, list[str]]:
    """The name of the label column, and every row's class."""
    others = [number for number in range(len(columns)) if number not in (files, split)]
    label = next((number for name in _LABELS for number in others if columns[number] == name), None)
    if label is not None:
        return table.columns[label], table.column(label)
    flags = [number for number in others if {cell.lower() for cell in table.column(number)} <= _TRUE | _FALSE]
    if len(flags) > 1:
        return "", _from_flags(table, flags)
    if len(others) == 1:
        return table.columns[others[0]], table.column(others[0])
    raise InvalidDataError(
        f"{table.path.name} names the images, but no column is called label or class (it has "
        f"{list_some(table.columns, len(table.columns), 10)}); rename the column that holds the classes to 'label'"
    )


def _from_flags(table: Table, flags: list[int]) -> list[str]:
    """One class of each row from a column of 0 and 1 for each class."""
    sums = [[number for number in flags if row[number].lower() in _TRUE] for row in table.rows]
    if several := [row for row, chosen in zip(table.rows, sums, strict=True) if len(chosen) != 1]:
        raise InvalidDataError(
            f"{table.path.name} has several labels, or none, for {len(several):,} of {len(table.rows):,} images, but a "
            "class is one label an image; write a column 'label' with one of them (or 'yes' and 'no' for one of the "
            "columns), and leave out rows that fit none"
        )
    return [table.columns[chosen[0]] for chosen in sums]


def label_files(table: Table, file: str = "", label: str = "") -> tuple[LabelTable, tuple[Path, ...]]:
    """The classes that a table gives to files, whose paths start from its folder, and the files without a label.

    Few labels may all be of different classes here, since the table was named as one of labels.

    Args:
        table: any table.
        file, label: names of the columns; found by what they are usually called if empty.

    Raises:
        InvalidDataError: a column is missing, or files that the table names are not there; the message lists them.
    """
    if not table.rows:
        raise InvalidDataError(
            f"{table.path} has no rows; write one for every image: its file, and its class if it is known"
        )
    columns = [re.sub(r"[\W_]+", "", name.lower()) for name in table.columns]
    files = _named_column(table, file) if file else _usual_column(table, columns)
    split = next((columns.index(name) for name in _SPLITS if name in columns), None)
    column, cells = (
        (label, table.column(_named_column(table, label))) if label else _classes(table, columns, files, split)
    )
    if not label and column and columns[table.columns.index(column)] not in _LABELS and _are_numbers(cells):
        raise InvalidDataError(
            f"{table.path} has no column called label or class, and '{column}' holds numbers; rename the column that "
            f"holds the classes to 'label', or add ?label={column} to the path if these are the classes"
        )
    paths = [table.path.parent / re.sub(r"\\+", "/", cell) if cell else None for cell in table.column(files)]
    absent = tuple(str(row[files]) for row, path in zip(table.rows, paths, strict=True) if path and not path.is_file())
    if absent:
        count = "1 file that is" if len(absent) == 1 else f"{len(absent):,} files that are"
        raise InvalidDataError(
            f"{table.path} names {count} not there: {list_some(absent, len(absent), 10)}; paths "
            f"start from the table's folder, {table.path.parent}: correct them, or remove these rows"
        )
    splits = {} if split is None else {
        path: row[split] for row, path in zip(table.rows, paths, strict=True) if path and row[split]
    }  # fmt: skip
    labels = _unique(table, paths, cells, few=True)
    loose = tuple(path for path in dict.fromkeys(paths) if path and path not in labels)
    return LabelTable(table.path, column, labels, splits, (), missing=_missing_words(paths, cells)), loose


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty hold numbers."""
    return all(re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", cell, re.I) for cell in cells if cell)


def _named_column(table: Table, name: str) -> int:
    if name in table.columns:
        return table.columns.index(name)
    raise InvalidDataError(
        f"{table.path} has no column '{name}'; it has {list_some(table.columns, len(table.columns), 10)}"
    )


def _usual_column(table: Table, columns: list[str]) -> int:
    """The column of files: one that is called so and has names of images, else any that has."""
    named = [columns.index(name) for name in _FILES if name in columns]
    for column in (*named, *(number for number in range(len(columns)) if number not in named)):
        cells = [cell for cell in table.column(column) if cell]
        if cells and sum(map(is_readable, cells)) >= _MATCHED * len(cells):
            return column
    raise InvalidDataError(
        f"{table.path} has no column with names of image files (it has "
        f"{list_some(table.columns, len(table.columns), 10)}); call it 'file', or add ?file=COLUMN to the path"
    )


def _unique(table: Table, found: Sequence[Path | None], cells: list[str], *, few: bool) -> dict[Path, str]:
    """The label of each file; `few`: all labels may be of different classes, unless they are fractions."""
    labels: dict[Path, str] = {}
    twice = [] if not (mixed := _combined({*cells})) else [mixed]
    for file, label in zip(found, cells, strict=True):
        if file is None or label.lower() in _MISSING:
            continue
        if labels.setdefault(file, label) != label:
            twice.append(file.name)
        if label.startswith(("[", "{")):
            twice.append(file.name)
    if twice:
        raise InvalidDataError(
            f"{table.path.name} gives several labels to an image ({list_some(twice, len(twice))}), but a class is one "
            "label an image; keep one row, with one label, for each"
        )
    labels = _whole_numbers(labels)
    values = len({*labels.values()})
    few &= not any(re.fullmatch(r"-?\d*\.\d+(e-?\d+)?", label, re.I) for label in labels.values())
    if len(labels) > 2 and values > len(labels) / 2 and not few:
        raise InvalidDataError(
            f"{table.path.name} has {values:,} different labels for {len(labels):,} images, which are no classes; "
            "write a column 'label' with the class of each"
        )
    return labels


def _missing_words(found: Sequence[Path | None], cells: list[str]) -> tuple[str, ...]:
    """What the rows of files say that have a word for a missing label."""
    return tuple(cell for file, cell in zip(found, cells, strict=True) if file and cell and cell.lower() in _MISSING)


def _combined(labels: set[str]) -> str:
    """A label that is made of others, such as "cat|dog" beside "cat"; empty text if there is none."""
    for label in labels:
        for mark in "|;,":
            parts = [part.strip() for part in label.split(mark)]
            known = [part in labels for part in parts]
            if len(parts) > 1 and (all(known) or (mark == "|" and any(known))):
                return label
    return ""


def _whole_numbers(labels: dict[Path, str]) -> dict[Path, str]:
    """Labels such as "3.0" as "3", if all are whole numbers."""
    if not all(re.fullmatch(r"-?\d+\.0+", label) for label in labels.values()):
        return labels
    return {file: label.partition(".")[0] for file, label in labels.items()}
