"""Class names that are written differently in the parts of a set."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from generators.image_folders import CLASSES, picture, write_class, write_classes, write_flat, write_table

from geosearch.data.class_names import describe_similar, match_names, tidy_name
from geosearch.data.loaders.registry import find_loader, load
from geosearch.errors import InvalidDataError

ACCENT = "\u00e9t\u00e9"
APART = unicodedata.normalize("NFD", ACCENT)


def test_names_are_matched_one_to_one_or_not_at_all() -> None:
    assert match_names(["Cat"], ["cat", "CAT"]) == {"Cat": "Cat"}
    assert match_names(["Cat", "CAT"], ["cat"]) == {"Cat": "Cat", "CAT": "CAT"}
    assert match_names(["sea_lion", "cat"], ["Sea Lion", "cat"]) == {"sea_lion": "Sea Lion", "cat": "cat"}
    assert tidy_name(" ") == " "  # no name is made empty


def test_only_words_are_called_similar() -> None:
    assert not describe_similar(["a", "A", "b"])
    assert "'Cat' and 'cat'" in describe_similar(["Cat", "cat", "dog"])


@pytest.mark.parametrize("name", ["Bar", "bar ", " BAR"])
def test_parts_of_a_folder_share_classes_whatever_their_letters(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path / "train", 6)
    write_classes(tmp_path / "test", 4, (name, "box", "dot"), start=50)
    train, test = load(f"imagefolder:{tmp_path}"), load(f"imagefolder:{tmp_path}", part="test")
    assert train.classes == test.classes == CLASSES
    assert np.bincount(test.labels).tolist() == [4, 4, 4]


def test_an_accent_may_be_a_letter_of_its_own(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 6, (ACCENT, "box"))
    write_classes(tmp_path / "test", 4, (APART, "box"), start=50)
    assert np.bincount(load(f"imagefolder:{tmp_path}", part="test").labels).tolist() == [4, 4]
    write_class(tmp_path / "train" / APART, 0, 3, start=80)  # beside the other one
    data = load(f"imagefolder:{tmp_path}")
    assert data.classes == ("box", ACCENT)
    assert np.bincount(data.labels).tolist() == [6, 9]


def test_numbers_of_a_table_mean_folders_with_zeros(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 6, ("00000", "00001", "00002"))
    pairs = write_flat(tmp_path / "test", 9)
    write_table(tmp_path / "test.csv", [("file", "label"), *((name, CLASSES.index(c)) for name, c in pairs)])
    test = load(f"imagefolder:{tmp_path}", part="test")
    shown = np.stack([picture(kind, number) for kind in range(3) for number in range(kind, 9, 3)])
    assert (test.images[..., 0] == shown).all()
    assert test.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_test_part_of_other_classes_is_not_read_and_the_reason_said(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 6)
    pairs = write_flat(tmp_path / "test", 9)
    write_table(tmp_path / "test.csv", [("file", "label"), *((name, CLASSES.index(c)) for name, c in pairs)])
    with find_loader(f"imagefolder:{tmp_path}") as loader:
        assert not loader.has_test
        report = loader.read().report
    assert report is not None
    assert "test, whose classes (0, 1, 2) are none of the training part, is not read (9 images)" in report.notes[0]


def test_classes_of_nearly_one_name_are_said(tmp_path: Path) -> None:
    spec = write_classes(tmp_path, 6)
    write_class(tmp_path / "Bar", 0, 3, start=50)
    report = load(spec).report
    assert report is not None
    assert "nearly the same name for different classes: 'Bar' and 'bar'" in report.notes[0]


def test_text_labels_are_treated_alike(tmp_path: Path) -> None:
    images = np.stack([picture(number % 3, number) for number in range(12)])
    words = np.array(["bar", "box ", ACCENT, "bar ", "box", APART] * 2)
    np.savez(
        tmp_path / "a.npz",
        train_images=images,
        train_labels=words,
        test_images=images,
        test_labels=np.char.upper(words),
    )
    train, test = load(f"npz:{tmp_path / 'a.npz'}"), load(f"npz:{tmp_path / 'a.npz'}", part="test")
    assert train.classes == ("bar", "box", ACCENT)
    assert train.labels.tolist() == test.labels.tolist() == [0, 1, 2] * 4
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["cat", "Cat", "dog"] * 4))
    report = load(f"npz:{tmp_path / 'a.npz'}").report
    assert report is not None
    assert "'Cat' and 'cat'" in report.notes[0]


def test_an_archive_that_was_unpacked_into_itself_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "pets", 6)
    write_classes(tmp_path / "pets" / "pets", 6)
    with pytest.raises(
        InvalidDataError, match=r"pets holds the classes again \(bar, box, dot\).*imagefolder:.*pets/pets"
    ):
        load(f"imagefolder:{tmp_path / 'pets'}")


def test_a_class_without_any_file_is_said(tmp_path: Path) -> None:
    spec = write_classes(tmp_path, 6)
    (tmp_path / "emu").mkdir()
    report = load(spec).report
    assert report is not None
    assert report.notes == ("no image in: emu",)
