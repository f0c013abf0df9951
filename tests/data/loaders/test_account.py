"""What may be missing from a folder, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from generators.image_folders import write_class, write_classes, write_sidecars

from geosearch.data.loaders.registry import load, load_unlabelled
from geosearch.data.read_report import ReadReport, Reason
from geosearch.errors import InvalidDataError

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(80)


def report_of(spec: str) -> ReadReport:
    report = load(spec).report
    assert report is not None
    return report


def test_a_clean_folder_has_nothing_to_say(tmp_path: Path) -> None:
    report = report_of(write_classes(tmp_path))
    assert (report.seen, report.taken, report.lines) == (60, 60, ())
    assert report.by_class == (("bar", 20), ("box", 20), ("dot", 20))
    assert not report.remarkable
    assert report.place == str(tmp_path)


def test_few_damaged_files_are_left_out_and_named_together(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    whole = (tmp_path / "bar" / "004.png").read_bytes()
    (tmp_path / "bar" / "004.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "box" / "007.png").write_bytes(b"")
    (tmp_path / "dot" / "001.png").write_bytes(b"<html><title>Sign in</title>")
    data = load(spec)
    assert len(data) == len(data.images) == 57
    assert [(data.labels == label).sum() for label in range(3)] == [19, 19, 19]
    report = report_of(spec)
    assert report.counts() == {Reason.DAMAGED: 2, Reason.EMPTY: 1}
    assert report.counts("bar") == {Reason.DAMAGED: 1}
    assert report.remarkable
    for said in (
        "3 of 60",
        "bar/004.png (a PNG image, cut off or damaged)",
        "box/007.png",
        "dot/001.png (an HTML page)",
    ):
        assert said in report.summary


def test_many_damaged_files_are_one_error_that_says_what_they_are(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    for number, content in enumerate((HEIC, b"<!doctype html>", b"", b"version https://git-lfs.github.com/spec/v1")):
        (tmp_path / "box" / f"{number:03}.png").write_bytes(content)
    with pytest.raises(InvalidDataError, match="4 of 20 of class 'box'") as caught:
        load(spec)
    for said in ("000.png (a HEIC image; install pillow-heif", "001.png (an HTML page)", "002.png", "git lfs pull"):
        assert said in str(caught.value)


def test_the_order_of_the_others_stays(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    before = load(spec)
    (tmp_path / "box" / "003.png").write_bytes(b"")
    after = load(spec)
    kept = [row for row in range(60) if row != 23]
    assert (after.images == before.images[kept]).all()
    assert (after.labels == before.labels[kept]).all()


def test_the_test_part_and_loose_images_are_treated_alike(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_classes(tmp_path / part)
        (tmp_path / part / "dot" / "011.png").write_bytes(b"")
    for part in ("train", "test"):
        data = load(f"imagefolder:{tmp_path}", part=part)  # type: ignore[arg-type]
        assert len(data) == 59
        assert data.report is not None
        assert (data.report.part, data.report.counts()) == (part, {Reason.EMPTY: 1})
    loose = load_unlabelled(f"imagefolder:{tmp_path / 'train' / 'dot'}")
    assert len(loose) == 19
    assert loose.report is not None
    assert loose.report.counts() == {Reason.EMPTY: 1}


def test_what_a_mac_leaves_is_passed_over(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    before = load(spec).fingerprint
    write_class(tmp_path / "__MACOSX" / "bar", 0, 20)
    assert write_sidecars(tmp_path) == 80
    report = report_of(spec)
    assert load(spec).fingerprint == before
    assert report.counts() == {Reason.HIDDEN: 60, Reason.SYSTEM: 1}
    assert not report.remarkable


def test_a_class_of_files_that_are_not_read_is_an_error(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    (tmp_path / "zebra").mkdir()
    for number in range(5):
        (tmp_path / "zebra" / f"{number}.svg").write_bytes(b"<svg/>")
    with pytest.raises(InvalidDataError, match=r"without an image that can be read: zebra.*0\.svg.*draw them as PNG"):
        load(spec)


def test_a_folder_of_texts_is_no_class(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "about.txt").write_text("about")
    assert load(spec).classes == ("bar", "box", "dot")
    assert report_of(spec).counts("docs") == {Reason.DOCUMENT: 1}


def test_a_part_of_a_class_in_another_format_is_counted(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    write_class(tmp_path / "dot", 2, 10, ".jfif")
    for number in range(7):
        (tmp_path / "dot" / f"{number}.cr2").write_bytes(b"raw")
    report = report_of(spec)
    assert dict(report.by_class)["dot"] == 30
    assert report.counts("dot") == {Reason.SUFFIX: 7}
    assert ".cr2" in report.summary


def test_links_that_lead_nowhere_are_an_error_with_the_way_out(tmp_path: Path) -> None:
    spec = write_classes(tmp_path, classes=("bar", "box"))
    (tmp_path / "dot").mkdir()
    for number in range(9):
        (tmp_path / "dot" / f"{number}.png").symlink_to(f"../objects/{number}")
    with pytest.raises(InvalidDataError, match=r"9 of 9 of class 'dot'.*broken links.*git annex get, dvc pull"):
        load(spec)


def test_a_class_folder_that_is_a_link_to_nowhere_is_an_error(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    (tmp_path / "zebra").symlink_to("/nowhere/zebra")
    with pytest.raises(InvalidDataError, match=r"1 of 1 of class 'zebra'.*broken links"):
        load(spec)


def test_loose_images_beside_classes_are_counted(tmp_path: Path) -> None:
    spec = write_classes(tmp_path)
    write_class(tmp_path, 0, 8)
    assert report_of(spec).counts() == {Reason.LOOSE: 8}
    assert "8 beside the classes" in report_of(spec).summary
