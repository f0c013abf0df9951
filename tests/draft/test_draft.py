"""A study file from a look at the sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from generators.photographs import photographs

from geosearch.config.read import read_study
from geosearch.draft.draft import default_name, draft_study, find_or_draft
from geosearch.errors import InvalidOptionError, OutputExistsError


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("mine", "a", "b")):
        photographs(tmp_path / name, {"bolt": 4, "nut": 4}, seed=number)
    return tmp_path


def test_the_file_says_what_was_found_and_why(sets):
    draft = draft_study("mine", ["a", "b"], minutes=10)
    draft.write(sets / "study.toml")
    text = (sets / "study.toml").read_text(encoding="utf-8")
    assert read_study(Path("study.toml")).model_dump() == draft.file.model_dump()
    assert "#   target     imagefolder:mine: 8 images of 2 classes, 4 a class" in text
    assert "# mirror images keep their class: the target shows photographs" in text
    assert draft.file.study.name == "mine"
    assert draft.file.domain.sources == ("imagefolder:a", "imagefolder:b")
    assert "10 minutes were given" in draft.summary


def test_a_file_is_not_overwritten_unless_forced(sets):
    draft = draft_study("mine", ["a", "b"])
    (sets / "study.toml").write_text("mine")
    with pytest.raises(OutputExistsError, match="--force"):
        draft.write(sets / "study.toml")
    assert (sets / "study.toml").read_text() == "mine"
    draft.write(sets / "study.toml", force=True)
    assert (sets / "study.toml").read_text() == draft.text


def test_unlabelled_images_and_a_test_set_are_named(sets):
    photographs(sets / "unsorted" / "deep", {"monday": 5}, seed=7)
    photographs(sets / "checked", {"bolt": 2, "nut": 2}, seed=8)
    options = {"unlabelled": "unsorted", "test": "checked"}
    draft = draft_study("mine", ["a", "b"], **options)
    assert (draft.file.domain.unlabelled, draft.file.domain.test) == ("imagefolder:unsorted", "imagefolder:checked")
    assert draft.file.domain.shots is None
    path, _ = find_or_draft("mine", ["a", "b"], folder=sets / "studies", **options)
    assert find_or_draft("mine", ["a", "b"], folder=sets / "studies", **options) == (path, None)
    with pytest.raises(InvalidOptionError, match="other sets"):
        find_or_draft("mine", ["a", "b"], folder=sets / "studies")


def test_a_file_in_another_folder_names_whole_paths(sets):
    draft = draft_study("mine", ["a", "digits"], folder=sets / "studies")
    assert draft.file.domain.target == f"imagefolder:{sets / 'mine'}"
    assert draft.file.domain.sources == (f"imagefolder:{sets / 'a'}", "digits")


def test_a_set_that_is_not_here_is_not_fetched_unasked(sets):
    options = {"root": str(sets / "root")}
    draft = draft_study("mine", ["a", "torchvision:CIFAR10"], **options)
    assert not draft.file.domain.download
    assert "# download = true would fetch torchvision:CIFAR10" in draft.text


def test_the_same_sets_are_found_again_and_others_refused(sets, monkeypatch):
    path, draft = find_or_draft("mine", ["a", "b"], folder=sets / "studies")
    assert draft is not None
    assert path == sets / "studies" / "mine.toml"
    before = path.read_bytes()
    assert find_or_draft("imagefolder:mine", ["a", "b"], folder=sets / "studies") == (path, None)
    with pytest.raises(InvalidOptionError, match="other sets"):
        find_or_draft("mine", ["b", "a"], folder=sets / "studies")
    with pytest.raises(InvalidOptionError, match="add download = true"):
        find_or_draft("mine", ["a", "b"], folder=sets / "studies", download=True)
    assert path.read_bytes() == before
    assert find_or_draft(f"imagefolder:{sets / 'mine'}", ["a", "b"], folder=sets / "studies") == (path, None)
    monkeypatch.setenv("HOME", str(sets))
    assert find_or_draft("imagefolder:~/mine", ["a", "b"], folder=sets / "studies") == (path, None)
    path.write_text(path.read_text().replace("[domain]", "[domain]\ndownload = true"))
    assert find_or_draft("mine", ["a", "b"], folder=sets / "studies", download=True) == (path, None)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("digits", "digits"),
        ("parts/my photos/", "my-photos"),
        ("npz:/x/t.v2.npz", "t.v2"),
        ("torchvision:MNIST", "MNIST"),
    ],
)
def test_a_study_is_named_after_its_target(target, name):
    assert default_name(target) == name
