"""The model of a study's answer is kept whole, told from others, and needs no data."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from generators.models import trained_model
from generators.studies import tiny_file

from geosearch.cli.main import main
from geosearch.confirmation.row import BEST
from geosearch.errors import StorageError, UnknownDatasetError
from geosearch.model import files
from geosearch.model.files import CARD, FACTS, WEIGHTS, load_model, write_model
from geosearch.study.kept_model import KeptModel
from geosearch.study.study import Study
from geosearch.study.take_away import TakeAway

KEPT = Path("studies", "tiny", "model")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shared_cache):
    """The folder of a study that the command line ran to its end, and the output of it."""
    folder = tmp_path_factory.mktemp("kept")
    file = tiny_file(folder, search_evaluations=0)
    (folder / "studies").mkdir()
    here = Path.cwd()
    os.chdir(folder)
    try:
        study = Study.open(file, storage="sqlite:///studies/tiny.db", cache=shared_cache)
        study.run()
        assert study.keep_model() == KEPT
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def here(finished, tmp_path, monkeypatch) -> Path:
    """A working folder with the finished study, whose data are there no more."""
    shutil.copytree(finished / "studies", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gone(here, finished, monkeypatch) -> Path:
    """The same, with a cache that is empty and data that are not there."""
    monkeypatch.setenv("GEOSEARCH_CACHE", str(here / "cache"))
    hidden = finished.with_name("hidden")
    finished.rename(hidden)
    yield here
    hidden.rename(finished)


def test_the_model_of_a_finished_study_needs_no_data(gone, capsys):
    assert main(["model", "tiny", "--out", "mine"]) == 0
    assert (gone / "mine" / WEIGHTS).read_bytes() == (gone / KEPT / WEIGHTS).read_bytes()
    assert 'load_model("mine")' in (gone / "mine" / CARD).read_text()
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12), np.uint8)
    np.savez("some.npz", images=images)
    assert main(["predict", "tiny", "npz:some.npz", "--out", "predictions.csv"]) == 0
    origin = json.loads((gone / "mine" / FACTS).read_text())["provenance"]
    assert main(["model", "tiny", "--row", origin["row"], "--out", "again"]) == 0
    assert "It was asked for." in (gone / "again" / CARD).read_text()
    capsys.readouterr()
    other = "pooled union" if origin["row"] == "no pretraining" else "no pretraining"
    assert main(["model", "tiny", "--row", other, "--out", "other"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"the model of the row '{other}', adapted by ridge, is not kept in studies/tiny/model" in said
    assert "to train it anew a data set is missing" in said
    assert not (gone / "other").exists()


def test_a_database_and_its_folder_are_copied_together(gone, monkeypatch):
    (gone / "elsewhere").mkdir()
    monkeypatch.chdir(gone / "elsewhere")
    assert main(["model", str(gone / "studies" / "tiny.db"), "--out", "mine"]) == 0
    shutil.rmtree(gone / "studies" / "tiny")
    with pytest.raises(UnknownDatasetError, match=f"not kept in studies/tiny/model and {gone}/studies/tiny/model"):
        Study.open(f"sqlite:///{gone / 'studies' / 'tiny.db'}").model()


def test_a_model_that_is_there_is_neither_trained_nor_written_again(here, monkeypatch, shared_cache):
    before = {path.name: path.stat().st_mtime_ns for path in KEPT.iterdir()}
    monkeypatch.setattr(TakeAway, "_train", lambda *_, **__: pytest.fail("trained again"))
    study = Study.open("tiny", cache=shared_cache)
    assert study.keep_model() == KEPT
    assert {path.name: path.stat().st_mtime_ns for path in KEPT.iterdir()} == before


def test_another_model_is_renamed(here, shared_cache):
    weights = (KEPT / WEIGHTS).read_bytes()
    shutil.rmtree(KEPT)
    write_model(trained_model(), KEPT)
    study = Study.open("tiny", cache=shared_cache)
    assert study.model(row=BEST).classes == load_model(study.keep_model()).classes != trained_model().classes
    assert (KEPT / WEIGHTS).read_bytes() == weights
    assert load_model(KEPT.with_name("model.old-1")).classes == trained_model().classes
    assert "model" in study.store.record.stage_seconds


def test_what_is_damaged_is_made_anew(here, shared_cache):
    weights = (KEPT / WEIGHTS).read_bytes()
    (KEPT / WEIGHTS).write_bytes(weights[:100])
    Study.open("tiny", cache=shared_cache).keep_model()
    assert (KEPT / WEIGHTS).read_bytes() == weights


def test_a_kill_leaves_nothing_half_written(here, monkeypatch, shared_cache):
    def killed(*_, **__):
        raise KeyboardInterrupt

    shutil.rmtree(KEPT)
    study = Study.open("tiny", cache=shared_cache)
    with monkeypatch.context() as patched:
        patched.setattr(files, "render_model_card", killed)
        with pytest.raises(KeyboardInterrupt):
            study.keep_model()
    assert not KEPT.exists()
    assert load_model(study.keep_model()).facts.provenance.study == "tiny"


def test_a_folder_that_cannot_be_written_costs_the_model_alone(here, monkeypatch, shared_cache, caplog):
    def full(*_, **__):
        raise StorageError("the disk is full")

    shutil.rmtree(KEPT)
    monkeypatch.setattr("geosearch.study.kept_model.write_model", full)
    assert Study.open("tiny", cache=shared_cache).keep_model() is None
    assert "no model was kept: the disk is full" in caplog.text


def test_the_place_of_a_study_on_a_server():
    assert KeptModel("mine", "mysql://somewhere/db").places == (Path("studies/mine/model"),)
    assert str(KeptModel("mine", "sqlite:///studies/mine.db")) == "studies/mine/model"
