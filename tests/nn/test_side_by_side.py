"""Pretrained features beside trained ones: what is trained, what a head sees, and the model that is kept of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from generators.models import labelled

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.nn import side_by_side
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.backbones import Backbone, Trainable
from geosearch.nn.feature_memory import BatchMemory
from geosearch.nn.interpolation import interpolate
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.side_by_side import Branched, SideBySide
from geosearch.nn.streams import Pool, as_tensor
from geosearch.nn.train import features, predict, pretrain
from geosearch.nn.whole_network import WholeNetwork

SIDE = 16
RANDOM = Backbone("torchvision:resnet18", "random", size=32)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3)).astype(np.uint8)
DATA = LabelledSet(IMAGES, np.arange(12) % 3, ("a", "b", "c"), "toy")


def option(trainable: Trainable = "last", features: str = "both") -> PretrainedArchitecture:
    return PretrainedArchitecture(RANDOM, trainable, features).loaded(SIDE)  # type: ignore[arg-type]


def recipe(network: PretrainedArchitecture, steps: int = 3) -> Recipe:
    return Recipe(network, steps=steps, batch=4, augmentation=NO_AUGMENTATION)


@pytest.mark.parametrize("trainable", ["last", 2, "all"])
def test_the_features_are_those_from_before_and_those_of_the_same_training(trainable: Trainable) -> None:
    both = pretrain(Pool((DATA,)), recipe(option(trainable)), seed=0)
    alone = pretrain(Pool((DATA,)), recipe(option(trainable, "trained")), seed=0)
    expected = np.concatenate([RANDOM.load(SIDE).features(IMAGES), features(alone, IMAGES)], 1)
    np.testing.assert_allclose(features(both, IMAGES), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(predict(both, IMAGES), predict(alone, IMAGES), rtol=1e-4, atol=1e-5)


def test_without_a_training_a_ridge_head_predicts_as_on_the_pretrained_features() -> None:
    both, alone = (pretrain(Pool((DATA,)), recipe(option(features=one), 0), seed=0) for one in ("both", "trained"))
    shots = LabelledSet(IMAGES[:9], DATA.labels[:9], DATA.classes, "shots")
    of_both, of_one = (RidgeHead().fit(one, shots, seed=0).predict(IMAGES) for one in (both, alone))
    np.testing.assert_allclose(of_both, of_one, atol=1e-4)


def test_between_the_pretrained_weights_and_the_trained_ones_the_first_half_stays() -> None:
    start, end = (pretrain(Pool((DATA,)), recipe(option(), steps), seed=0) for steps in (0, 3))
    half = features(interpolate(start, end, 0.5), IMAGES)
    first, last = features(start, IMAGES), features(end, IMAGES)
    width = first.shape[1] // 2
    np.testing.assert_array_equal(half[:, :width], first[:, :width])
    assert_published(interpolate(start, end, 0.5))
    assert not np.allclose(half[:, width:], first[:, width:], rtol=1e-3)
    assert not np.allclose(half[:, width:], last[:, width:], rtol=1e-3)


def test_fine_tuning_trains_the_second_half_alone() -> None:
    before = pretrain(Pool((DATA,)), recipe(option()), seed=0)
    after = FineTuning(steps=3).train(before, DATA, seed=0)
    first, last = features(before, IMAGES), features(after, IMAGES)
    width = first.shape[1] // 2
    np.testing.assert_array_equal(last[:, :width], first[:, :width])
    assert_published(after)
    assert not np.allclose(last[:, width:], first[:, width:], rtol=1e-3)
    assert isinstance(after.body.tail, SideBySide)


def assert_published(network: Network) -> None:
    """The first half has its published weights; its features may be remembered ones, which tell nothing."""
    body = cast(Any, network.body)
    expected = RANDOM.load(SIDE).cut("last").tail.state_dict()
    for name, weight in body.tail.pretrained.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=0)


def test_the_first_half_is_computed_once_for_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.Size] = []
    monkeypatch.setattr(side_by_side, "_SEEN", BatchMemory())
    networks = [pretrain(Pool((DATA,)), recipe(option()), seed) for seed in (0, 1)]
    for network in networks:
        tail = cast(Any, network.body).tail
        tail.pretrained.register_forward_hook(lambda module, x, y: calls.append(y.shape))
    once = [features(network, IMAGES) for network in networks]
    assert len(calls) == 1
    width = once[0].shape[1] // 2
    np.testing.assert_array_equal(once[0][:, :width], once[1][:, :width])
    assert not np.allclose(once[0][:, width:], once[1][:, width:])
    FineTuning(steps=2).train(networks[0], DATA, seed=0)
    assert sum(shape[0] == 50 for shape in calls) == 2  # a step of a training computes what it sees


def test_a_linear_probe_of_images_in_bfloat16() -> None:
    network = pretrain(Pool((DATA,)), recipe(option()), seed=0)
    probe = LinearProbe(steps=2, precision="bfloat16", augmentation=NO_AUGMENTATION)
    assert np.isfinite(probe.fit(network, DATA, seed=0).predict(IMAGES)).all()


def test_keys_differ_only_where_both_are_kept() -> None:
    assert Recipe(option()).key != Recipe(option(features="trained")).key
    assert "features" not in option(features="trained").facts


@pytest.mark.parametrize("trainable", ["last", 2, "all"])
@pytest.mark.parametrize("name", ["torchvision:mobilenet_v3_small", "timm:vit_tiny_patch16_224"])
def test_the_whole_network_computes_what_they_share_once(name: str, trainable: Trainable) -> None:
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="the extra timm is not installed")
    network = PretrainedArchitecture(Backbone(name, "random", size=32), trainable, "both").loaded(SIDE)
    trained = pretrain(Pool((DATA,)), recipe(network), seed=0)
    whole = WholeNetwork.of(network, SIDE).of_member(trained)
    joined, x = whole.join(trained, network, SIDE), as_tensor(IMAGES)
    with torch.no_grad():
        found, expected = joined.features(x), trained.features(x)
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
    single = len(network.backbone.load(SIDE).network.state_dict())
    assert len(joined.state_dict()) - 2 < (2.01 if trainable == "all" else 1.9) * single
    facts = whole.facts
    assert facts.pop("architecture")
    again = WholeNetwork.from_facts(**facts).build(3, SIDE, 3, seed=0)
    again.load_state_dict(joined.state_dict())
    assert torch.equal(again(x), joined(x))
    assert isinstance(again.body.network, Branched)


def test_a_network_that_was_never_pretrained_on_sources_is_kept_as_it_is() -> None:
    network = option()
    assert WholeNetwork.of(network, SIDE).of_member(network.build(3, SIDE, 3, seed=0)).features == "trained"


def test_the_model_goes_to_a_folder_and_to_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    from generators.models import pretrained_model

    from geosearch.model.files import load_model, write_model

    model = pretrained_model(kept="both")
    folder = write_model(model, tmp_path / "model", onnx=True)
    again, x = load_model(folder), as_tensor(labelled().images)
    with torch.no_grad():
        assert torch.equal(again.module(x), model.module(x))
    assert "checked against the module" in (folder / "README.md").read_text()
