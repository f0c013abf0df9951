"""What every augmentation promises: seeded, same shape and type, values in range, no other randomness, registered."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from generators.training import BlobMixture

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation, strengthen
from geosearch.nn.augmenter import AUGMENTATIONS, Augmenter
from geosearch.nn.networks import SmallConv
from geosearch.nn.policy_augmentation import PolicyAugmentation
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain

MADE: dict[str, Augmenter] = {name: AUGMENTATIONS.build(name, {}) for name in AUGMENTATIONS.names()}
CHANNELS = (1, 3)


def images(channels: int, count: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, 12, 12, generator=seeds.torch_stream(0, "images"))


def stream(seed: int = 0) -> torch.Generator:
    return seeds.torch_stream(seed, "augmentation")


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", MADE)
def test_equal_streams_give_equal_images_of_the_same_shape_and_type_and_in_range(name, channels):
    x = images(channels)
    before = x.clone()
    first, again, other = (MADE[name](x, stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, x)
    assert torch.equal(x, before)
    assert (first.shape, first.dtype) == (x.shape, x.dtype)
    assert torch.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("name", MADE)
def test_nothing_but_the_given_stream_is_drawn_from(name):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = MADE[name](images(3), stream())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(MADE[name](images(3), stream()), first)


@pytest.mark.parametrize("name", MADE)
def test_a_stream_goes_on(name):
    generator = stream()
    assert not torch.equal(MADE[name](images(1), generator), MADE[name](images(1), generator))


@pytest.mark.parametrize("name", MADE)
def test_one_image_is_a_batch_too(name):
    assert MADE[name](images(1, 1), stream()).shape == (1, 1, 12, 12)


@pytest.mark.parametrize("name", MADE)
def test_recipes_with_it_have_a_key_of_their_own_and_equal_seeds_give_equal_networks(name):
    recipe = Recipe(SmallConv(4), steps=3, batch=16, augmentation=MADE[name])
    others = [replace(recipe, augmentation=one).key for one in (*MADE.values(), NO_AUGMENTATION) if one != MADE[name]]
    assert recipe.key not in others
    first, again = (pretrain(BlobMixture(), recipe, 0) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert all(torch.isfinite(tensor).all() for tensor in first.state_dict().values())


@pytest.mark.parametrize("name", MADE)
def test_it_says_what_it_does_and_can_be_strengthened(name):
    assert MADE[name].summary
    assert not MADE[name].is_identity
    assert strengthen(MADE[name], 2.0)(images(1), stream()).shape == (16, 1, 12, 12)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("number", [-0.1, float("nan")])
def test_bad_options_are_refused(name, number):
    known = {one.name for one in fields(MADE[name])} & {"recolour", "penalty"}
    assert known
    for one in known:
        with pytest.raises(InvalidOptionError):
            replace(MADE[name], **{one: number})


@pytest.mark.parametrize("name", MADE)
def test_what_is_learned_in_one_training_is_forgotten_in_the_next_and_known_by_its_network(name):
    recipe = Recipe(SmallConv(4), steps=3, batch=16, augmentation=MADE[name])
    learner = MADE[name].learner()
    network = pretrain(BlobMixture(), recipe, 0)
    assert (network.learned_augmentation is None) == (learner is None)
    if learner:
        assert set(network.learned_augmentation) == set(learner.probabilities)
        assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in network.learned_augmentation.values())
        assert network.learned_augmentation != learner.probabilities
        assert MADE[name].learner().probabilities == learner.probabilities
        assert pretrain(BlobMixture(), replace(recipe, augmentation=NO_AUGMENTATION), 0).learned_augmentation is None


def test_an_unknown_name_is_refused():
    with pytest.raises(InvalidOptionError, match="did you mean 'trivial'"):
        AUGMENTATIONS.build("trivia", {})
    with pytest.raises(InvalidOptionError, match="needs policy"):
        PolicyAugmentation("auto")


def test_the_key_of_the_default_is_that_of_before_it_had_a_name():
    assert MADE["fixed"] == Augmentation()
    assert Recipe().facts["augmentation"]["type"] == "Augmentation"
