"""Study files found from another folder, and databases that were copied without their data."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from generators.studies import tiny, write_sets, write_toml

from geosearch.cli.main import main
from geosearch.config.read import read_study


def relative(folder: Path, **changes):
    """A study file in a folder, with its sets beside it under relative paths."""
    folder.mkdir(parents=True, exist_ok=True)
    study = tiny(folder, **changes)
    study["domain"] |= {"target": "npz:target.npz", "sources": ["npz:near.npz", "npz:./far.npz"]}
    return write_toml(folder / "tiny.toml", study)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty working folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_sets_beside_the_study_file_are_found_from_another_folder(tmp_path, elsewhere, capsys):
    path = relative(tmp_path / "here", limits_caps={}, search_evaluations=0)
    file = read_study(path)
    assert file.domain.target == f"npz:{tmp_path / 'here' / 'target.npz'}"
    assert main(["check", str(path)]) == 0
    assert main(["search", str(path)]) == 0
    assert (elsewhere / "studies" / "tiny.db").exists()
    shutil.rmtree(elsewhere / "reports")
    os.chdir(tmp_path)  # a set found beside the file is kept with its absolute path, so the study opens from anywhere
    assert main(["report", f"sqlite:///{elsewhere}/studies/tiny.db"]) == 0
    assert "without images" not in capsys.readouterr().err


def test_the_working_folder_comes_first(tmp_path, elsewhere):
    path = relative(tmp_path / "here")
    write_sets(elsewhere)
    assert read_study(path).domain.target == "npz:target.npz"
    (elsewhere / "near.npz").unlink()
    file = read_study(path)
    assert file.domain.sources == (f"npz:{tmp_path / 'here' / 'near.npz'}", "npz:./far.npz")


def test_limits_prices_root_and_weights_are_found_alike(tmp_path, elsewhere):
    path = relative(tmp_path / "here", domain_root="sets")
    path.write_text(
        path.read_text() + '[limits]\ncaps = { "npz:near.npz" = 0.5 }\n[price.sources]\n"npz:./far.npz" = 2.0\n'
    )
    (tmp_path / "here" / "sets").mkdir()
    file = read_study(path)
    near, far = file.domain.sources
    assert (file.limits.caps, file.price.sources) == ({near: 0.5}, {far: 2.0})
    assert file.domain.root == str(tmp_path / "here" / "sets")


def test_what_is_in_neither_folder_is_told_with_both(tmp_path, elsewhere, capsys):
    path = relative(tmp_path / "here")
    (tmp_path / "here" / "near.npz").unlink()
    (elsewhere / "nea").mkdir()  # no npz file: no advice
    for command in ("check", "search"):
        assert main([command, str(path)]) == 2
        err = capsys.readouterr().err
        assert "there is no file near.npz" in err
        assert "did you mean" not in err
        assert f"from the working folder, {elsewhere}, then beside the study file, in {tmp_path / 'here'}" in err


def test_a_copied_database_says_how_to_go_on_and_reports_without_data(tmp_path, elsewhere, monkeypatch, capsys):
    here = tmp_path / "here"
    path = relative(here)
    monkeypatch.chdir(here)
    assert main(["search", str(path)]) == 0
    shutil.copy(here / "studies" / "tiny.db", elsewhere)
    monkeypatch.chdir(elsewhere)
    capsys.readouterr()

    assert main(["status", "tiny.db"]) == 0
    assert "10 of 10 evaluations done" in capsys.readouterr().out
    assert main(["report", "tiny.db"]) == 0
    out, err = capsys.readouterr()
    assert "without images of the data" in err
    page, before = Path(out.strip()).read_text(), (here / "reports" / "tiny" / "index.html").read_text()
    assert page.count("<svg") == before.count("<svg") - 1  # the path through the hull is drawn with images
    assert "no pretraining" in page

    assert main(["resume", "tiny.db", "--evaluations", "+1"]) == 2
    err = capsys.readouterr().err
    assert "new paths and run: geosearch resume STUDY.toml --storage sqlite:///tiny.db" in err
    (elsewhere / "data").mkdir()
    moved = tiny(elsewhere / "data")
    (elsewhere / "new.toml").write_text(write_toml(elsewhere / "old.toml", moved).read_text())
    assert main(["resume", "new.toml", "--storage", "sqlite:///tiny.db"]) == 0
    assert "11 of 11 evaluations done" in capsys.readouterr().out


def test_names_of_two_forms_are_the_same_file(tmp_path, monkeypatch):
    made = write_sets(tmp_path)["near"]
    made.rename(tmp_path / "cafe\u0301.npz")
    monkeypatch.chdir(tmp_path)
    from geosearch.data.loaders.registry import load

    assert load("npz:caf\u00e9.npz").name == "café"
