"""What one set shows."""

from __future__ import annotations

import numpy as np
import pytest
from generators.photographs import photographs
from generators.sets import blobs
from PIL import Image

from geosearch.draft.appearance import Appearance
from geosearch.draft.look import look_at
from geosearch.errors import InvalidDataError, UnknownDatasetError


def test_a_folder_of_photographs(tmp_path):
    photographs(tmp_path / "parts", {"bolt": 3, "nut": 17, "screw": 5})
    (tmp_path / "parts" / "nut" / "2.png").write_bytes(b"")
    look = look_at(f"imagefolder:{tmp_path / 'parts'}")
    assert look.classes == (("bolt", 3), ("nut", 16), ("screw", 5))
    assert (look.side, look.in_color, look.appearance) == (80, True, Appearance.PHOTOGRAPHS)
    assert look.aspect == pytest.approx(90 / 80)
    assert "24 images of 3 classes, 3 to 16 a class" in look.text
    assert "1 empty (nut/2.png)" in look.warnings[0]
    assert look.warnings[-1].startswith("very uneven classes: 'nut' has 16 images, 'bolt' has 3")


def test_arrays_with_a_test_part(tmp_path):
    made = blobs("mine", 3, 10, size=12)
    names = {"train_images": made.images, "train_labels": made.labels}
    np.savez(tmp_path / "mine.npz", **names, test_images=made.images[:9], test_labels=made.labels[:9])
    look = look_at(f"npz:{tmp_path}/mine.npz")
    assert (look.images, look.test_images, look.side, look.in_color) == (30, 9, 12, False)
    assert not look.warnings


def test_labels_that_do_not_count(tmp_path):
    photographs(tmp_path / "parts", {"monday": 3, "tuesday": 4})
    look = look_at(f"imagefolder:{tmp_path / 'parts'}", labels=False)
    assert (look.images, look.classes) == (7, ())
    assert "7 images without labels" in look.text


def test_a_set_that_is_not_here_yet_is_described_from_its_name(tmp_path):
    look = look_at("torchvision:CIFAR10", root=str(tmp_path))
    assert (look.images, look.test_images, look.side, look.appearance) == (50_000, 10_000, 32, None)
    assert "not on this machine yet" in look.text


def test_characters_are_told_by_the_names_of_classes(tmp_path):
    photographs(tmp_path / "plates", {"A": 3, "B": 3, "7": 3})
    assert look_at(f"imagefolder:{tmp_path / 'plates'}").has_characters
    photographs(tmp_path / "parts", {"A": 3, "bolt": 3})
    assert not look_at(f"imagefolder:{tmp_path / 'parts'}").has_characters


def test_wide_images_are_noticed(tmp_path):
    photographs(tmp_path / "strips", {"a1": 3, "a2": 3}, side=(120, 24))
    look = look_at(f"imagefolder:{tmp_path / 'strips'}")
    assert (look.side, look.aspect) == (24, 5.0)


def test_what_is_not_there_or_empty_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownDatasetError):
        look_at(f"imagefolder:{tmp_path}/none")
    with pytest.raises(InvalidDataError):
        look_at(f"imagefolder:{tmp_path}/empty")
    (tmp_path / "one" / "class").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "one" / "class" / "0.png")
    with pytest.raises(InvalidDataError):
        look_at(f"imagefolder:{tmp_path}/one")
