"""`geosearch model`: a confirmed study becomes a folder; everything else is one message, and nothing is written."""

from __future__ import annotations

import json
import shutil

import pytest
from generators.studies import tiny, tiny_file, write_toml

import geosearch
from geosearch.cli.main import main
from geosearch.model import onnx_export
from geosearch.study.study import Study


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory, shared_cache):
    """The folder of a study without a search, which is confirmed."""
    folder = tmp_path_factory.mktemp("confirmed")
    file = tiny_file(folder, search_evaluations=0)
    (folder / "studies").mkdir()
    Study.open(file, storage=f"sqlite:///{folder}/studies/tiny.db", cache=shared_cache).run()
    return folder


@pytest.fixture
def here(confirmed, tmp_path, monkeypatch):
    """A working folder with the confirmed study "tiny" and the fresh one "fresh"."""
    shutil.copytree(confirmed / "studies", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    fresh = write_toml(tmp_path / "fresh.toml", tiny(tmp_path, study_name="fresh"))
    Study.open(fresh)
    return tmp_path


def test_a_confirmed_study_becomes_a_folder_that_predicts(here, capsys):
    assert main(["model", "tiny", "--out", "mine"]) == 0
    out = capsys.readouterr().out
    assert ", adapted by ridge: " in out
    assert out.splitlines()[-1] == "mine"
    assert len(geosearch.load_model("mine").classes) == 4
    assert out.startswith(json.loads((here / "mine" / "model.json").read_text())["provenance"]["row"])
    assert 'load_model("mine")' in (here / "mine" / "README.md").read_text()
    assert main(["predict", "tiny", f"npz:{here / 'target.npz'}", "--out", "study.csv"]) == 0
    assert main(["predict", "mine", f"npz:{here / 'target.npz'}", "--out", "folder.csv"]) == 0
    assert (here / "study.csv").read_bytes() == (here / "folder.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--out", "mine"), "nowhere"),
        (("fresh", "--out", "mine"), "run 'geosearch resume fresh' first"),
        (("tiny", "--row", "nonsense", "--out", "mine"), "no row 'nonsense'; it has 'best mixture'"),
        (("tiny", "--adaptation", "nonsense", "--out", "mine"), "no adaptation 'nonsense'; it has 'ridge'"),
        (("tiny", "--out", "full"), "not an empty folder"),
        (("tiny", "--out", "a-file"), "a-file"),
        (("tiny", "--onnx", "--out", "mine"), "pip install 'geosearch[onnx]'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(here, capsys, monkeypatch, arguments, said):
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    (here / "a-file").write_text("mine")
    found = onnx_export.importlib.util.find_spec
    monkeypatch.setattr(onnx_export.importlib.util, "find_spec", lambda name: None if "onnx" in name else found(name))
    assert main(["model", *arguments]) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("geosearch: ")]
    assert len(errors) == 1, captured.err
    assert said in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (here / "mine").exists()
    assert (here / "full" / "notes.txt").read_text() == "mine"
    assert (here / "a-file").read_text() == "mine"
