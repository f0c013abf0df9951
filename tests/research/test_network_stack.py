"""Stacked training gives the numbers of training one at a time, and keeps the networks apart."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.networks import VGG, SmallConv
from geosearch.nn.train import features, predict, pretrain
from geosearch.nn.weight_averaging import ExponentialAverage, TailAverage

RESEARCH = Path(__file__).parents[2] / "research"
pretrain_stacked = runpy.run_path(str(next(RESEARCH.rglob("network_stack.py"))))["pretrain_stacked"]
SEEDS = (0, 1, 1)


def short(recipe, **fields):
    return replace(recipe, steps=6, batch=16, learning_rate=2e-3, **fields)


def furthest(one, other):
    """Largest difference between the weights and statistics of two networks."""
    state = other.state_dict()
    return max(float((tensor - state[name]).abs().max()) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("unfold", [False, True], ids=["grouped", "unfolded"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"augmentation": NO_AUGMENTATION, "label_smoothing": 0.1},
        {"augmentation": Augmentation(flip=True, crop=0.2, recolour=0.5), "averaging": TailAverage(0.5)},
        {"averaging": ExponentialAverage(0.7)},
    ],
    ids=["plain", "smoothed", "tail", "exponential"],
)
def test_three_networks_are_as_if_trained_one_at_a_time(mixture, recipe, fields, unfold):
    recipe = short(recipe, **fields)
    stacked = pretrain_stacked([(mixture, seed) for seed in SEEDS], recipe, unfold=unfold)
    for seed, network in zip(SEEDS, stacked, strict=True):
        single = pretrain(mixture, recipe, seed)
        assert furthest(network, single) < 1e-4
        np.testing.assert_allclose(predict(network, mixture.set.images), predict(single, mixture.set.images), atol=1e-4)
        assert not network.training
    assert furthest(stacked[0], stacked[1]) > 0.1
    assert furthest(stacked[1], stacked[2]) < 1e-5


def test_deeper_networks_agree_in_what_they_say(mixture, recipe):
    recipe = short(recipe, network=VGG(8))
    for seed, network in enumerate(pretrain_stacked([(mixture, 0), (mixture, 1)], recipe)):
        single = pretrain(mixture, recipe, seed)
        np.testing.assert_allclose(predict(network, mixture.set.images), predict(single, mixture.set.images), atol=1e-3)


def test_gradients_in_double_precision_are_the_same_numbers():
    from torch.func import functional_call, grad, stack_module_state, vmap
    from torch.nn import functional as F

    networks = [SmallConv(4).build(3, 16, 5, seed).double().train() for seed in (0, 1)]
    images, labels = torch.rand(2, 8, 3, 16, 16, dtype=torch.double), torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2]] * 2)
    weights, buffers = stack_module_state(networks)
    template = SmallConv(4).build(3, 16, 5, 9).double().train()
    slopes = vmap(grad(lambda w, b, x, y: F.cross_entropy(functional_call(template, (w, b), (x,)), y)))(
        {name: weight.detach() for name, weight in weights.items()}, buffers, images, labels
    )
    for k, network in enumerate(networks):
        F.cross_entropy(network(images[k]), labels[k]).backward()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(slopes[name][k], parameter.grad, atol=1e-12, rtol=1e-9)
        for name, buffer in network.named_buffers():
            torch.testing.assert_close(buffers[name][k], buffer, atol=1e-12, rtol=1e-9)


def test_low_precision_agrees_to_its_digits(mixture, recipe):
    recipe = short(recipe, precision="bfloat16")
    (network,) = pretrain_stacked([(mixture, 0)], recipe)
    single = pretrain(mixture, recipe, 0)
    np.testing.assert_allclose(predict(network, mixture.set.images), predict(single, mixture.set.images), atol=0.05)


def test_a_network_that_fails_is_its_error_and_disturbs_no_other(mixture, recipe):
    class Poisoned(type(mixture)):
        def batches(self, size, rng):
            for images, labels in super().batches(size, rng):
                yield images * np.float32(np.nan), labels

    recipe = short(recipe)
    failed, sound = pretrain_stacked([(Poisoned(), 0), (mixture, 0)], recipe)
    assert isinstance(failed, TrainingFailedError)
    assert "lower recipe.learning_rate" in str(failed)
    assert furthest(sound, pretrain(mixture, recipe, 0)) < 1e-4


def test_stacked_networks_learn_and_are_networks_like_any_other(mixture, recipe):
    for network in pretrain_stacked([(mixture, 0), (mixture, 1)], recipe.scaled(80)):
        assert (predict(network, mixture.set.images).argmax(1) == mixture.set.labels).mean() > 0.95
        assert features(network.with_head(3, 0), mixture.set.images).shape == (len(mixture.set), 128)


def test_nothing_to_train_is_nothing_trained(mixture, recipe):
    assert pretrain_stacked([], recipe) == []
    (network,) = pretrain_stacked([(mixture, 0)], replace(recipe.scaled(0), averaging=TailAverage()))
    assert furthest(network, pretrain(mixture, recipe.scaled(0), 0)) == 0


def test_what_cannot_be_stacked_is_refused(mixture, recipe):
    other = type(mixture)()
    other.class_count = 7
    with pytest.raises(DomainMismatchError, match="number of classes"):
        pretrain_stacked([(mixture, 0), (other, 0)], recipe)
    for fields in ({"early_stop": EarlyStopping()}, {"compiled": True}):
        with pytest.raises(InvalidOptionError, match="one at a time"):
            pretrain_stacked([(mixture, 0)], replace(recipe, **fields))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("unfold", [False, True], ids=["grouped", "unfolded"])
def test_on_cuda_stacked_networks_learn_as_well(mixture, recipe, unfold):
    runs = [(mixture, seed) for seed in range(4)]
    for network in pretrain_stacked(runs, recipe.scaled(80), device="cuda", unfold=unfold):
        assert network.head.weight.device.type == "cpu"
        assert (predict(network, mixture.set.images).argmax(1) == mixture.set.labels).mean() > 0.95
