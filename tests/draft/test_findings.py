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
