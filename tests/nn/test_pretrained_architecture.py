"""Pretrained networks as networks of a recipe: start from their weights, train what is asked, frozen norms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import ActivationCache
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.backbones import Backbone, Trainable
from geosearch.nn.networks import NETWORKS
from geosearch.nn.pretrained_architecture import Features, PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, fine_tune, pretrain
from geosearch.runtime.cache import Cache

RANDOM = Backbone("torchvision:resnet18", "random", size=32)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize("trainable", ["head", "last", 2, 3, "all"])
def test_a_network_of_images(trainable: str) -> None:
    option = PretrainedArchitecture(RANDOM, trainable)  # type: ignore[arg-type]
    one, other = (option.build(3, 16, 4, seed) for seed in (0, 1))
    np.testing.assert_allclose(features(one, IMAGES), RANDOM.load(16).features(IMAGES), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(features(one, IMAGES), features(other, IMAGES))
    many = np.concatenate([IMAGES] * 3)  # more than the frozen stem is given at once
    np.testing.assert_allclose(features(one, many)[-12:], features(one, IMAGES), rtol=1e-4, atol=1e-5)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_a_network_of_activations_is_trained_behind_the_cut_alone(cache: Cache) -> None:
    ((activations, _),) = ActivationCache(RANDOM, "last", cache).compute([IMAGES])
    codes = ActivationCodes.fit([activations])
    option = PretrainedArchitecture(RANDOM, "last", codes=codes).loaded(16)
    data = LabelledSet(codes.encode(activations), np.arange(12) % 3, ("a", "b", "c"), "codes")
    recipe = Recipe(option, steps=3, batch=4, augmentation=NO_AUGMENTATION)
    before, after = (pretrain(Pool((data,)), recipe.scaled(steps), seed=0) for steps in (0, 3))
    expected = RANDOM.load(16).features(IMAGES)
    assert np.abs(features(before, data.images) - expected).mean() < 0.02 * np.abs(expected).mean()
    assert not np.allclose(features(after, data.images), features(before, data.images), rtol=1e-3)
    assert sum(weight.numel() for weight in after.parameters()) < 0.8 * 11.2e6
    norms = [name for name, _ in after.named_buffers()]
    assert norms
    assert all(torch.equal(dict(after.named_buffers())[n], dict(before.named_buffers())[n]) for n in norms)
    assert after.fingerprint == pretrain(Pool((data,)), recipe, seed=0).fingerprint
    with pytest.raises(InvalidOptionError, match="same cut"):
        option.build(3, 16, 4, 0)


@pytest.mark.parametrize(
    ("name", "trainable"),
    [("torchvision:resnet18", "head"), ("timm:vit_tiny_patch16_224", "last"), ("timm:vit_tiny_patch16_224", "head")],
)
@pytest.mark.parametrize("kept", ["trained", "both"])
def test_activations_of_every_shape(cache: Cache, name: str, trainable: Trainable, kept: Features) -> None:
    """Tokens (t, d) and pooled features (d,), as well as maps."""
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="the extra timm is not installed")
    backbone = Backbone(name, "random", size=32)
    ((activations, _),) = ActivationCache(backbone, trainable, cache).compute([IMAGES])
    assert activations.ndim < 4
    codes = ActivationCodes.fit([activations])
    option = PretrainedArchitecture(backbone, trainable, kept, codes=codes).loaded(16)
    data = LabelledSet(codes.encode(activations), np.arange(12) % 3, ("a", "b", "c"), "codes")
    network = pretrain(Pool((data,)), Recipe(option, steps=2, batch=4, augmentation=NO_AUGMENTATION), seed=0)
    expected = backbone.load(16).features(IMAGES)
    found = features(network, data.images)[:, : expected.shape[1]]  # first those of the pretrained weights
    assert np.isfinite(found).all()
    if kept == "both" or trainable == "head":
        assert np.abs(found - expected).mean() < 0.05 * np.abs(expected).mean()


def test_a_batch_of_repeated_shots_is_computed_once_and_trains_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    shots = LabelledSet(IMAGES[:4], np.arange(4) % 2, ("a", "b"), "shots")
    network = PretrainedArchitecture(RANDOM, "head").build(3, 16, 2, 0)
    recipe = Recipe(steps=3, batch=10, learning_rate=1e-2, augmentation=NO_AUGMENTATION)
    once = fine_tune(network, shots, recipe, seed=0)
    monkeypatch.setattr(type(network), "treats_images_alone", False)
    again = fine_tune(network, shots, recipe, seed=0)
    assert not torch.equal(once.head.weight, network.with_head(2, 0).head.weight)
    torch.testing.assert_close(once.head.weight, again.head.weight, rtol=1e-4, atol=1e-5)


def test_keys_say_which_weights_and_which_range(cache: Cache) -> None:
    def key(option: PretrainedArchitecture) -> str:
        return Recipe(option).key

    option = PretrainedArchitecture(RANDOM, "last").loaded(16)
    other = PretrainedArchitecture(Backbone("torchvision:resnet18", "random", size=32, seed=1), "last").loaded(16)
    coded = PretrainedArchitecture(RANDOM, "last", codes=ActivationCodes.blank((256, 1, 1))).loaded(16)
    assert len({key(option), key(other), key(coded)}) == 3


def test_names_of_study_files() -> None:
    settings = {"weights": "random", "trainable": "all", "resolution": 64, "views": 0}
    made = NETWORKS.build("torchvision:resnet18", settings)
    assert made == PretrainedArchitecture(Backbone("torchvision:resnet18", "random", 64), "all")
    assert made.is_pretrained
    assert PretrainedArchitecture(RANDOM, 1) == PretrainedArchitecture(RANDOM, "last")
    with pytest.raises(InvalidOptionError, match="how many of the last stages, got -2"):
        PretrainedArchitecture(RANDOM, -2)
    assert NETWORKS.has("timm:anything")
    assert not NETWORKS.has("keras:resnet18")
    assert not NETWORKS.has("timm:")
