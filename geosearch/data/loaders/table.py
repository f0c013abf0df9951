"""Table: the rows of a CSV, TSV, text or JSON file as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geosearch.errors import InvalidDataError

_MOST_BYTES = 512 * 2**20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A table as it stands in a file.

    Attributes:
        path: the file.
        columns: names of the columns; made up ("column 1", ...) for a file without a header.
        rows: the cells of every row, stripped; as many as there are columns.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, index: int) -> list[str]:
        """All cells of a column."""
        return [row[index] for row in self.rows]

    def with_header_as_row(self) -> Table:
        """The same file, read as one without a header."""
        names = tuple(f"column {number}" for number in range(1, len(self.columns) + 1))
        return Table(self.path, names, (self.columns, *self.rows))


def read_table(path: Path) -> Table:
    """A table of text.

    Raises:
        InvalidDataError: it cannot be read, or is no table.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidDataError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; keep file names and labels only")
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            return _from_parquet(path)
        text = _decode(path.read_bytes())
        if suffix == ".jsonl":
            return _from_records(path, [json.loads(line) for line in text.splitlines() if line.strip()])
        return _from_json(path, json.loads(text)) if suffix == ".json" else _from_csv(path, text)
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        if isinstance(error, InvalidDataError):
            raise
        raise InvalidDataError(f"{path} cannot be read as a table ({error}); fix or remove it") from error


def _from_parquet(path: Path) -> Table:
    try:
        from pyarrow import parquet
    except ImportError:
        raise InvalidDataError(
            f"{path} is a Parquet file, which needs pyarrow (pip install pyarrow); or write it as CSV"
        ) from None
    return _from_records(path, parquet.read_table(path).to_pylist())


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _from_csv(path: Path, text: str) -> Table:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [[cell.strip() for cell in row] for row in lines]
    plain = path.suffix.lower() == ".txt" or all(len(row) <= 1 and len("".join(row).split()) in (0, 2) for row in rows)
    if plain and delimiter not in first:  # "FILE LABEL", parted by blanks
        rows = [row[0].rsplit(None, 1) if row else row for row in rows]
    filled = [row for row in rows if any(row)]
    if not filled:
        return Table(path, (), ())
    width = len(filled[0])
    return Table(path, tuple(filled[0]), tuple(tuple((row + [""] * width)[:width]) for row in filled[1:]))


def _from_json(path: Path, value: Any) -> Table:
    """A list of records, a list of pairs (in a record "labels", too), or a record of file -> label."""
    if isinstance(value, dict) and isinstance(value.get("labels"), list):
        value = value["labels"]
    if isinstance(value, dict):
        value = [*value.items()]
    if not isinstance(value, list):
        raise InvalidDataError(f"{path} cannot be read as a table: expected a list or an object")
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
        return _from_records(path, value)
    return Table(path, ("file", "label"), tuple((_cell(file), _cell(label)) for file, label in value))


def _from_records(path: Path, records: list[Any]) -> Table:
    if not all(isinstance(record, dict) for record in records):
        raise InvalidDataError(f"{path} cannot be read as a table: expected an object on every line")
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    return Table(path, columns, tuple(tuple(_cell(record.get(name)) for name in columns) for record in records))


def _cell(value: object) -> str:
    """A JSON value as text; a list of one value is that value, a longer one keeps its brackets."""
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
        return _cell(value[0])
    return value.strip() if isinstance(value, str) else json.dumps(value, default=str)
