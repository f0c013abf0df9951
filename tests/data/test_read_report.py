"""The account of a set that was read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from generators.image_folders import write_classes

from geosearch.data.collection import load_collection
from geosearch.data.loaders.registry import find_loader
from geosearch.data.read_report import PassedFile, ReadReport, Reason, list_some, printable


def test_every_reader_gives_an_account(tmp_path: Path) -> None:
    for spec in ("digits", "fonts/sans-digits", write_classes(tmp_path)):
        data = find_loader(spec).read()
        assert data.report is not None
        assert (data.report.spec, data.report.part) == (spec, "train")
        assert data.report.seen == data.report.taken == len(data)


def test_it_goes_with_the_set_into_a_study(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    (tmp_path / "bar" / "000.png").write_bytes(b"")
    collection = load_collection("digits", [spec], size=12, channels=1, samples=20)
    assert [report.taken for report in collection.reports] == [1797, 59]
    assert collection.reports[1].counts() == {Reason.EMPTY: 1}


def test_json_has_the_numbers_and_not_all_names() -> None:
    passed = tuple(PassedFile(f"cat/{number}.png", Reason.DAMAGED, "cat") for number in range(1000))
    report = ReadReport("imagefolder:x", "imagefolder", "/x", "train", 1010, 10, passed, (("cat", 10),), ("a note",))
    made = report.to_json()
    assert made["passed_over"] == {"damaged": 1000}
    assert made["by_class"] == {"cat": {"taken": 10, "damaged": 1000}}
    assert made["notes"][1] == "a note"
    assert len(json.dumps(made)) < 1000


def test_lists_are_short_and_names_are_printable() -> None:
    assert list_some("abcde", 5) == "a, b, c and 2 more"
    assert list_some("ab", 2) == "a, b"
    assert printable("Icon\r \udcff") == "Icon? ?"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.expected])
def test_what_every_folder_may_have_is_not_remarkable(reason: Reason) -> None:
    report = ReadReport("a", "a", "", "train", 2, 1, (PassedFile("x", reason),))
    assert not report.remarkable
    assert report.lines
