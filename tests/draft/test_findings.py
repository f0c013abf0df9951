"""What the sets of a study show together."""

from __future__ import annotations

import shutil

import pytest
from generators.photographs import photographs

from geosearch.draft.findings import inspect_sets
from geosearch.errors import DomainMismatchError, InvalidOptionError


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("mine", "a", "b", "checked")):
        photographs(tmp_path / name, {"bolt": 4, "nut": 4}, seed=number)
    return tmp_path


def test_plain_paths_are_understood_and_copies_found(sets):
    shutil.copy(sets / "mine" / "bolt" / "0.png", sets / "a" / "nut" / "copy.png")
    found = inspect_sets("mine", ["a", "b"], test="checked")
    assert [part for part, _ in found.looks] == ["target", "test", "source", "source"]
    assert found.target.spec == "imagefolder:mine"
    assert found.copies == ("1 image of the target is in the source imagefolder:a too; it counts once",)
    assert any(line.startswith("copies") for line in found.lines)


@pytest.mark.parametrize(
    ("target", "sources", "options", "said"),
    [
        ("mine", ["a"], {}, "at least two sources"),
        ("mine", ["a", "a"], {}, "--source and --source both name"),
        ("mine", ["a", "mine"], {}, "--target and --source both name"),
        ("mine", ["a", "b"], {"unlabelled": "imagefolder:mine"}, "--target and --unlabelled both name"),
    ],
)
def test_sets_with_two_parts_are_refused(sets, target, sources, options, said):
    with pytest.raises(InvalidOptionError, match=said):
        inspect_sets(target, sources, **options)


def test_a_target_without_labels_is_refused(sets):
    shutil.copytree(sets / "mine" / "bolt", sets / "loose")
    with pytest.raises(InvalidOptionError, match="has no labels"):
        inspect_sets("loose", ["a", "b"])


def test_a_test_set_of_other_classes_is_refused(sets):
    (sets / "checked" / "bolt").rename(sets / "checked" / "ring")
    with pytest.raises(DomainMismatchError, match="ring"):
        inspect_sets("mine", ["a", "b"], test="checked")


def test_images_that_a_set_holds_twice_are_counted(sets):
    for other in ("copy.png", "again.png"):
        shutil.copy(sets / "mine" / "bolt" / "0.png", sets / "mine" / "bolt" / other)
    shutil.copy(sets / "mine" / "nut" / "1.png", sets / "mine" / "bolt" / "nut.png")
    shutil.copy(sets / "a" / "nut" / "1.png", sets / "a" / "nut" / "copy.png")
    lines = [line.strip() for line in inspect_sets("mine", ["a", "b"]).lines]
    assert "copies of others: 2 images; each image counts once" in lines
    assert "under several labels: 2 images; they are left out" in lines
    assert "copies of others: 1 image; they stay" in lines


def test_an_image_that_is_unlabelled_twice_is_counted(sets):
    (sets / "loose" / "deep").mkdir(parents=True)
    for place in ("x.png", "deep/y.png"):
        shutil.copy(sets / "checked" / "bolt" / "0.png", sets / "loose" / place)
    found = inspect_sets("mine", ["a", "b"], unlabelled="loose")
    assert [line.strip() for line in found.lines if "copies of others" in line] == [
        "copies of others: 1 image; each image counts once"
    ]
