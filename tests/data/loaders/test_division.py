"""Parts and classes are told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from generators.image_folders import CLASSES, write_class, write_classes

from geosearch.data.loaders.registry import find_loader, load
from geosearch.data.read_report import Reason
from geosearch.errors import InvalidDataError


def sizes(folder: Path) -> tuple[int, int | None]:
    """Images of the training and of the test part, which must have the three classes."""
    found = []
    with find_loader(f"imagefolder:{folder}") as loader:
        for part in ("train", "test") if loader.has_test else ("train",):
            data = loader.read_labelled(part)  # type: ignore[arg-type]
            assert data.classes == CLASSES
            assert data.report is not None
            assert data.report.taken == len(data)
            found.append(len(data))
    return found[0], found[1] if len(found) > 1 else None


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"), ("Train", "Test"), ("TRAIN", "VAL"), ("training_set", "test_set"), ("seg_train", "seg_test"),
        ("train", "dev"), ("training", "eval"), ("train2017", "val2017"), ("TrainSet", "TestSet"), ("train", "holdout"),
        ("train", "hold-out"), ("pets_train", "pets_test"), ("train_images", "validation_images"),
        ("trainset", "testing"), ("tr", "te"),
    ],
)  # fmt: skip
def test_two_parts_are_found_by_their_names(tmp_path: Path, train: str, test: str) -> None:
    write_classes(tmp_path / train, 4)
    write_classes(tmp_path / test, 2, start=4)
    assert sizes(tmp_path) == (12, 6)


def test_a_validation_part_serves_where_there_is_no_test_part(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("valid", 3), ("testing", 2)):
        write_classes(tmp_path / part, count)
    assert sizes(tmp_path) == (12, 6)
    report = load(f"imagefolder:{tmp_path}").report
    assert report is not None
    assert report.counts() == {Reason.OTHER_PART: 9}
    assert "valid is not read (9 images)" in report.notes[0]
    shutil.rmtree(tmp_path / "testing")
    assert sizes(tmp_path) == (12, 9)


def test_parts_within_folders_of_their_own_name(tmp_path: Path) -> None:
    for part, count in (("seg_train", 4), ("seg_test", 2)):
        write_classes(tmp_path / part / part, count)
    write_class(tmp_path / "seg_pred" / "seg_pred", 0, 7)
    assert sizes(tmp_path) == (12, 6)
    report = load(f"imagefolder:{tmp_path}").report
    assert report is not None
    assert report.counts() == {Reason.OTHER_PART: 7}


@pytest.mark.parametrize("beside", ["figures", "docs", "samples", "assets"])
@pytest.mark.parametrize("test", ["val", "test", None])
def test_what_lies_beside_the_parts_is_no_class(tmp_path: Path, beside: str, test: str | None) -> None:
    write_classes(tmp_path / "train", 20)
    if test:
        write_classes(tmp_path / test, 2)
    write_class(tmp_path / beside, 0, 2)
    write_class(tmp_path, 0, 1)
    assert sizes(tmp_path) == (60, 6 if test else None)
    report = load(f"imagefolder:{tmp_path}").report
    assert report is not None
    assert report.counts() == {Reason.LOOSE: 3}


def test_a_test_part_without_classes_is_not_read_and_said(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 4)
    for place in (tmp_path / "test", tmp_path / "test" / "images"):
        write_class(place, 0, 5)
        assert sizes(tmp_path) == (12, None)
        report = load(f"imagefolder:{tmp_path}").report
        assert report is not None
        assert "test, which has no class folders, is not read" in report.notes[0]
        shutil.rmtree(tmp_path / "test")
    write_class(tmp_path / "test" / "unknown", 0, 5)  # one folder, so that a reader of class folders reads it at all
    assert sizes(tmp_path) == (12, None)


def test_an_archive_in_a_folder_of_its_own(tmp_path: Path) -> None:
    write_classes(tmp_path / "archive" / "data" / "train", 20)
    write_classes(tmp_path / "archive" / "data" / "test", 2)
    assert sizes(tmp_path) == (60, 6)
    write_class(tmp_path / "archive" / "paper", 0, 2)
    assert sizes(tmp_path) == (60, 6)
    write_classes(tmp_path / "plain" / "plain", 3)
    assert sizes(tmp_path / "plain") == (9, None)


def test_parts_inside_every_class(tmp_path: Path) -> None:
    for kind, name in enumerate(CLASSES):
        for part, count in (("Train", 5), ("Validation", 2)):
            write_class(tmp_path / name / part, kind, count)
    assert sizes(tmp_path) == (15, 6)


def test_parts_of_unknown_names_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for part in ("monday", "tuesday"):
        write_classes(tmp_path / part, 3)
    with pytest.raises(InvalidDataError, match=r"monday, tuesday.*bar, box, dot.*take one of them") as caught:
        load(f"imagefolder:{tmp_path}")
    offered = next(word for word in str(caught.value).replace(",", " ").split() if word.startswith("imagefolder:"))
    assert load(offered).classes == CLASSES
    (tmp_path / "monday").rename(tmp_path / "train")
    (tmp_path / "tuesday").rename(tmp_path / "test")
    assert sizes(tmp_path) == (9, 9)


def test_several_training_parts_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for part in ("train_1", "train_2", "test"):
        write_classes(tmp_path / part, 2)
    with pytest.raises(InvalidDataError, match=r"several train parts \(train_1, train_2\); call one of them train"):
        load(f"imagefolder:{tmp_path}")
    (tmp_path / "train_1").rename(tmp_path / "train")
    assert sizes(tmp_path) == (6, 6)


def test_parts_without_any_labels_are_a_set_without_labels(tmp_path: Path) -> None:
    write_class(tmp_path / "train", 0, 5)
    write_class(tmp_path / "test", 0, 3)
    loader = find_loader(f"imagefolder:{tmp_path}")
    assert (loader.has_labels, loader.has_test, len(loader.read())) == (False, False, 5)


@pytest.mark.parametrize(
    "names", [("bus", "car", "train"), ("test", "trainer", "valley"), ("eval", "sand", "train station")]
)
def test_classes_may_be_called_so(tmp_path: Path, names: tuple[str, ...]) -> None:
    for kind, name in enumerate(names):
        write_class(tmp_path / name, kind, 4)
    assert load(f"imagefolder:{tmp_path}").classes == names


def test_sub_folders_of_classes_that_differ_are_read(tmp_path: Path) -> None:
    write_class(tmp_path / "cat" / "siamese", 0, 3)
    write_class(tmp_path / "cat" / "persian", 0, 3)
    write_class(tmp_path / "dog" / "poodle", 1, 3)
    data = load(f"imagefolder:{tmp_path}")
    assert (data.classes, len(data)) == (("cat", "dog"), 9)
