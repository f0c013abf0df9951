"""The whole network of a trained tail gives from images what the tail gives from activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.pretrained import lite0_weights

from geosearch.errors import InvalidOptionError
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import ActivationCache
from geosearch.nn.backbones import Backbone, Trainable
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.streams import as_tensor
from geosearch.nn.whole_network import WholeNetwork
from geosearch.runtime.cache import Cache

SIDE = 16
RANDOM = Backbone("torchvision:resnet18", "random", size=32)
NAMES = [  # two libraries
    "torchvision:resnet18",
    "torchvision:mobilenet_v3_small",
    "timm:vit_tiny_patch16_224",
    "timm:convnext_atto",
]


def images(count: int = 6, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, channels)).astype(np.uint8)


def changed(network: Network) -> Network:
    """A network whose trained weights are others than they were."""
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.requires_grad:
                weight += (
                    0.05 * torch.randn(weight.shape, generator=noise) * (weight.std() if weight.numel() > 1 else 0.1)
                )
    return network


@pytest.mark.parametrize("trainable", ["head", "last", 2, "all"])
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_network_is_the_trained_one(name: str, trainable: Trainable) -> None:
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="the extra timm is not installed")
    option = PretrainedArchitecture(Backbone(name, "random", size=32), trainable).loaded(SIDE)
    trained = changed(option.build(3, SIDE, 4, seed=0))
    whole = WholeNetwork.of(option, SIDE)
    joined, x = whole.join(trained, option, SIDE), as_tensor(images())
    with torch.no_grad():
        assert torch.allclose(joined(x), trained(x), rtol=1e-4, atol=1e-4)
        found, expected = joined.features(x), trained.features(x)
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
        before = option.build(3, SIDE, 4, seed=0).features(x)
        assert trainable == "head" or (found - before).abs().max() > 1e-3 * before.abs().max()
    names = list(joined.state_dict())
    assert len(names) == len(option.backbone.load(SIDE).network.state_dict()) + 2, "one copy of every weight"
    facts = whole.facts
    assert facts.pop("architecture")
    again = WholeNetwork.from_facts(**facts).build(3, SIDE, 4, seed=0)
    again.load_state_dict(joined.state_dict())
    assert torch.equal(again(x), joined(x))


def test_activations_are_rounded_and_no_more(cache: Cache) -> None:
    ((activations, _),) = ActivationCache(RANDOM, "last", cache).compute([images()])
    codes = ActivationCodes.fit([activations])
    option = PretrainedArchitecture(RANDOM, "last", codes=codes, views=1).loaded(SIDE)
    height, _, channels = codes.image_shape
    trained = changed(option.build(channels, height, 4, seed=0))
    whole = WholeNetwork.of(option, SIDE)
    with torch.no_grad():
        found = whole.join(trained, option, SIDE).features(as_tensor(images()))
        expected = trained.features(as_tensor(codes.encode(activations)))
    assert (found - expected).abs().mean() < 0.02 * expected.abs().mean()


def test_weights_of_a_file_are_kept_and_not_asked_for_again() -> None:
    option = PretrainedArchitecture(Backbone("timm:tf_efficientnet_lite0", lite0_weights(), 64), "last").loaded(SIDE)
    whole, trained = WholeNetwork.of(option, SIDE), changed(option.build(3, SIDE, 4, seed=0))
    whole.check(option.backbone.load(SIDE))
    assert "/" not in whole.weights
    joined, x = whole.join(trained, option, SIDE), as_tensor(images())
    with torch.no_grad():
        torch.testing.assert_close(joined(x), trained(x), rtol=1e-4, atol=1e-4)
    assert all(weight.requires_grad for weight in joined.parameters())


def test_grey_images_and_networks_that_are_left_alone() -> None:
    option = PretrainedArchitecture(RANDOM, "last").loaded(SIDE)
    before = {name: weight.clone() for name, weight in RANDOM.load(SIDE).network.state_dict().items()}
    trained = changed(option.build(1, SIDE, 4, seed=0))
    joined = WholeNetwork.of(option, SIDE).join(trained, option, SIDE)
    x = as_tensor(images(channels=1))
    with torch.no_grad():
        torch.testing.assert_close(joined(x), trained(x), rtol=1e-4, atol=1e-4)
        for weight in joined.parameters():
            weight.zero_()
        WholeNetwork.of(option, SIDE).build(3, SIDE, 4, seed=0).head.weight.zero_()
    assert all(torch.equal(before[name], weight) for name, weight in RANDOM.load(SIDE).network.state_dict().items())


def test_a_weight_of_both_parts_is_refused_once_it_was_trained() -> None:
    option = PretrainedArchitecture(RANDOM, "last").loaded(SIDE)
    trained = option.build(3, SIDE, 4, seed=0)
    with torch.no_grad():
        trained.body.tail.network.conv1 = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False)  # type: ignore[union-attr]
    with pytest.raises(InvalidOptionError, match=r"of the deep union recipe\.union_stages\) to another"):
        WholeNetwork.of(option, SIDE).join(trained, option, SIDE)


def test_a_network_that_is_built_otherwise_without_its_weights_is_refused() -> None:
    whole = WholeNetwork.of(PretrainedArchitecture(RANDOM, "last").loaded(SIDE), SIDE)
    whole.check(RANDOM.load(SIDE))
    with pytest.raises(InvalidOptionError, match="another network where it is built without its pretrained weights"):
        whole.check(Backbone("torchvision:resnet34", "random", size=32).load(SIDE))
