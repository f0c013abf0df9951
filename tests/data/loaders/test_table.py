"""Tables as text."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from geosearch.data.loaders.table import read_table
from geosearch.errors import InvalidDataError


@pytest.mark.parametrize(
    "content",
    [
        b"file,label\na.png,x\nb.png,y\n",
        b"file;label\r\na.png;x\r\n\r\nb.png;y\r\n",
        b"file\tlabel\na.png\tx\nb.png\ty",
        b"\xef\xbb\xbffile, label\n a.png , x \nb.png,y\n",
        b'"file","label"\n"a.png","x"\n"b.png","y"\n',
        "file,label\na.png,x\nb.png,y\n".encode("utf-16"),
    ],
)
def test_dialects_of_csv(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    table = read_table(tmp_path / "t.csv")
    assert table.columns == ("file", "label")
    assert table.rows == (("a.png", "x"), ("b.png", "y"))
    assert table.column(1) == ["x", "y"]


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"file_name": "a", "label": 1}\n\n{"file_name": "b", "label": [2], "more": [3, 4]}\n'
    )
    table = read_table(tmp_path / "t.jsonl")
    assert table.columns == ("file_name", "label", "more")
    assert table.rows == (("a", "1", ""), ("b", "2", "[3, 4]"))


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet tables are read with pyarrow, which is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    labels = pyarrow.array(["cat", None, "dog"]).dictionary_encode()
    columns = {"file": ["a.png", "b.png", "c.png"], "label": labels, "seen": [date(2024, 5, 1)] * 3}
    parquet.write_table(pyarrow.table({**columns, "thumbnail": [b"1", b"", None]}), tmp_path / "labels.parquet")
    table = read_table(tmp_path / "labels.parquet")
    assert table.columns == ("file", "label", "seen", "thumbnail")
    assert [row[:2] for row in table.rows] == [("a.png", "cat"), ("b.png", ""), ("c.png", "dog")]
    assert "2024-05-01" in table.rows[0][2]


def test_without_pyarrow_parquet_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidDataError, match=r"needs pyarrow \(pip install pyarrow\); or write it as CSV"):
        read_table(tmp_path / "labels.parquet")


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet tables are read with pyarrow, which is not installed")
    (tmp_path / "labels.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InvalidDataError, match="cannot be read as a table"):
        read_table(tmp_path / "labels.parquet")


def test_short_rows_are_filled_and_empty_files_are_empty(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1\n2,3,4\n")
    assert read_table(tmp_path / "t.csv").rows == (("1", ""), ("2", "3"))
    (tmp_path / "t.csv").write_text("\n")
    assert read_table(tmp_path / "t.csv").columns == ()


@pytest.mark.parametrize(("name", "content"), [("t.jsonl", "[1]\n"), ("t.jsonl", "{"), ("t.jsonl", "[" * 100_000)])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidDataError, match=r"t\.jsonl cannot be read as a table"):
        read_table(tmp_path / name)
