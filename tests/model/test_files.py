"""The folder of a model: read as it was written, or refused with one message."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from generators.models import labelled, pretrained_model, trained_model

import geosearch
from geosearch.errors import (
    GeosearchError,
    InvalidDataError,
    MissingPackageError,
    NewerFormatError,
    OutputExistsError,
    UnknownDatasetError,
)
from geosearch.model import files
from geosearch.model.files import CARD, FACTS, WEIGHTS, is_model_folder, load_model, write_model
from geosearch.nn import backbones


@pytest.fixture
def folder(tmp_path):
    return write_model(trained_model(), tmp_path / "model")


def change(folder, **changes):
    facts = json.loads((folder / FACTS).read_text())
    facts.update(changes)
    (folder / FACTS).write_text(json.dumps(facts))


def test_a_model_is_read_as_it_was_written(folder):
    model, images = trained_model(), labelled(1).images
    again = geosearch.load_model(folder)
    assert again.facts == model.facts
    before, after = model.predict(images), again.predict(images)
    assert np.array_equal(before.probabilities, after.probabilities)
    assert np.array_equal(before.unlikeness, after.unlikeness)
    assert isinstance(again.module, torch.nn.Module)
    assert not again.module.training


def test_a_whole_pretrained_network_is_read_as_it_was_written(tmp_path):
    model, images = pretrained_model("torchvision:shufflenet_v2_x0_5"), labelled(1).images
    again = load_model(write_model(model, tmp_path / "model"))
    assert again.facts == model.facts
    assert np.array_equal(again.predict(images).probabilities, model.predict(images).probabilities)
    card = (tmp_path / "model" / CARD).read_text()
    assert "`torchvision:shufflenet_v2_x0_5` with the weights random" in card
    assert "timm" not in card


def test_a_network_of_a_library_that_is_not_there_is_no_damage(tmp_path, monkeypatch):
    pytest.importorskip("timm", reason="the extra timm is not installed")
    folder = write_model(pretrained_model(), tmp_path / "model")
    backbones._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingPackageError, match=r"run pip install 'geosearch\[timm\]'") as raised:
        load_model(folder)
    assert "write the model again" not in str(raised.value)


def test_the_same_model_gives_the_same_bytes(folder, tmp_path):
    other = write_model(trained_model(), tmp_path / "other" / "model")
    for name in (FACTS, WEIGHTS, CARD):
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_an_existing_folder_is_left_alone(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputExistsError):
        write_model(trained_model(seed=1), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "render_model_card", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_model(trained_model(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [FACTS, WEIGHTS])
def test_every_damage_is_refused_with_a_way_out(folder, name):
    content = (folder / name).read_bytes()
    damages = [b"", content[: len(content) // 2], b"\0" + content[1:]]
    if name != "model.json":  # another letter in a text is no damage that could be told
        damages.append(content[:-9] + b"x" + content[-8:])
    for damaged in damages:
        (folder / name).write_bytes(damaged)
        with pytest.raises(GeosearchError, match=r"geosearch model STUDY --out DIR"):
            load_model(folder)
    (folder / name).unlink()
    assert is_model_folder(folder)
    with pytest.raises(GeosearchError, match=name):
        load_model(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["ash", "birch"]},
        {"classes": []},
        {"classes": "ash"},
        {"architecture": [{"architecture": "vgg", "width": 4}]},
        {"architecture": [{"architecture": "nonsense"}]},
        {"architecture": []},
        {"temperature": "warm"},
        {"temperature": 0},
        {"preprocessing": {"size": 2, "channels": 1}},
        {"preprocessing": {"size": 12, "channels": 3}},
        {"preprocessing": None},
    ],
)
def test_a_description_that_does_not_fit_is_refused(folder, changes):
    change(folder, **changes)
    with pytest.raises(InvalidDataError, match="no model that can be used"):
        load_model(folder)


def test_a_newer_format_asks_for_an_upgrade(folder):
    change(folder, format=99)
    with pytest.raises(NewerFormatError, match="pip install --upgrade"):
        load_model(folder)


def test_another_version_of_the_packages_is_read(folder):
    facts = json.loads((folder / FACTS).read_text())
    change(folder, provenance={**facts["provenance"], "versions": {"geosearch": "9.9", "torch": "1.0"}})
    assert load_model(folder).facts.provenance.versions["geosearch"] == "9.9"


def test_a_folder_without_a_model_is_said(tmp_path):
    with pytest.raises(UnknownDatasetError, match="there is no folder"):
        load_model(tmp_path / "absent")
    with pytest.raises(UnknownDatasetError, match="holds no model"):
        load_model(tmp_path)
