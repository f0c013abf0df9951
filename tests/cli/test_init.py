"""`geosearch init`, and `geosearch search` with its flags in place of a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from generators.photographs import photographs

from geosearch.cli import run
from geosearch.cli.main import main
from geosearch.draft import budget


@pytest.fixture(autouse=True)
def sets(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(budget, "measure_step", lambda file, classes: 1e-3)
    monkeypatch.setattr(budget, "measure_union", lambda file, classes: 1.0)  # `check` measures it
    for number, name in enumerate(("mine", "a", "b")):
        photographs(tmp_path / name, {"bolt": 24, "nut": 30}, side=(20, 20), seed=number)
    return tmp_path


SETS = ("--target", "mine", "--source", "a", "--source", "imagefolder:b")


def test_a_file_is_written_and_what_was_found_is_printed(capsys, sets):
    assert main(["init", *SETS]) == 0
    said = capsys.readouterr().out
    assert "target     imagefolder:mine: 54 images of 2 classes, 24 to 30 a class; 20 px, in color" in said
    assert "next: geosearch search study.toml" in said
    assert main(["check", "study.toml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--target is missing"),
        (("--target", "mine"), "at least two sources"),
        (("--target", "none", "--source", "a", "--source", "b"), "no data set 'none'"),
        (("--target", "empty", "--source", "a", "--source", "b"), "empty"),
        (("--target", "mine/bolt", "--source", "a", "--source", "b"), "has no labels"),
        (("--target", "one", "--source", "a", "--source", "b"), "expected one per class, at least 2"),
        (("--target", "a", "--source", "a", "--source", "b"), "both name 'imagefolder:a'"),
        ((*SETS, "--test", "none"), "no data set 'none'"),
        ((*SETS, "--minutes", "0"), "--minutes"),
        ((*SETS, "--name", "a/b"), "'study.name'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(capsys, sets, arguments, said):
    (sets / "empty").mkdir()
    photographs(sets / "one", {"bolt": 3})
    assert main(["init", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (sets / "study.toml").exists()


def test_an_existing_file_stays(capsys, sets):
    (sets / "study.toml").write_text("mine")
    assert main(["init", *SETS]) == 2
    assert "--force" in capsys.readouterr().err
    assert (sets / "study.toml").read_text() == "mine"


def test_a_search_takes_the_same_flags_and_goes_on_with_the_same_file(capsys, sets, monkeypatch):
    begun = []
    monkeypatch.setattr(run, "run_to_end", lambda study, *_, **__: begun.append(study.name))  # a study takes minutes
    monkeypatch.setattr(run, "print_end", lambda study, end: None)
    assert main(["search", *SETS]) == 0
    assert "target     imagefolder:mine" in capsys.readouterr().out
    file = (sets / "studies" / "mine.toml").read_bytes()
    assert (sets / "studies" / "mine.db").exists()
    assert main(["search", *SETS]) == 0
    assert "continuing with studies/mine.toml" in capsys.readouterr().out
    assert (sets / "studies" / "mine.toml").read_bytes() == file
    assert begun == ["mine", "mine"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a study, or --target"),
        (("quickstart", "--target", "mine"), "cannot be given too"),
        (("quickstart", "--download"), "write download = true in its [domain]"),
        (("--source", "a"), "give a study, or --target"),
    ],
)
def test_a_search_needs_a_study_or_sets(capsys, arguments, said):
    assert main(["search", *arguments]) == 2
    assert said in capsys.readouterr().err
