"""Every network is fixed by its seed, leaves the global generator alone, and takes what it was built for."""

import pytest
import torch

from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import VGG, ResNet18, SmallConv

SMALL = [SmallConv(8), VGG(8), ResNet18()]


def names(architecture):
    return type(architecture).__name__


@pytest.mark.parametrize("architecture", SMALL, ids=names)
def test_equal_seeds_give_equal_networks_and_the_global_generator_is_not_touched(architecture):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = architecture.build(1, 16, 5, 3).with_head(4, 9)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    again, other = architecture.build(1, 16, 5, 3).with_head(4, 9), architecture.build(1, 16, 5, 4).with_head(4, 9)
    images = torch.rand(3, 1, 16, 16)
    assert torch.equal(first.eval()(images), again.eval()(images))
    assert not torch.equal(first.features(images), other.eval().features(images))


@pytest.mark.parametrize("architecture", SMALL, ids=names)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 16), (3, 28), (1, 33)])
def test_grey_and_colour_of_any_size(architecture, channels, size):
    network = architecture.build(channels, size, 7, 0)
    images = torch.rand(2, channels, size, size)
    features = network.features(images)
    assert features.shape == (2, network.head.in_features)
    assert torch.isfinite(features).all()
    assert features.std() > 1e-3
    assert network(images).shape == (2, 7)


def test_a_new_head_leaves_the_network_as_it_was():
    network = SmallConv(8).build(1, 16, 5, 0)
    images = torch.rand(4, 1, 16, 16)
    before = network(images)
    twin = network.with_head(3, 1)
    assert torch.equal(twin.features(images), network.features(images))
    assert twin(images).shape == (4, 3)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(1.0)
    assert torch.equal(network(images), before)


def test_facts_tell_options_apart():
    facts = [option.facts for option in (SmallConv(8), SmallConv(16), VGG(8), ResNet18())]
    assert all(facts[i] != facts[j] for i in range(4) for j in range(i))


def test_images_too_small_for_a_network_are_refused():
    with pytest.raises(InvalidOptionError, match="at least 8"):
        SmallConv().build(1, 6, 3, 0)
