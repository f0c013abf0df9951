"""Starts without pretraining: a fresh network, and what stands in for frozen features."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from torch import nn

from geosearch import seeds
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe

G = TypeVar("G", bound=GradientAdaptation)
LENGTH = 1.5  # steps of the default training, as a factor on the recipe's: about pretraining and fine-tuning together


def fresh_network(shots: LabelledSet, recipe: Recipe, seed: int) -> Network:
    """The network of a recipe, untrained, for the images and classes of the shots."""
    height, _, channels = shots.shape
    return recipe.network.build(channels, height, len(shots.classes), seeds.integer(seed, "few-shot"))


def fixed_features(shots: LabelledSet, recipe: Recipe, seed: int) -> Network:
    """Raw pixels or an untrained network, whichever gives a ridge head the smaller leave-one-out error on the shots.

    Where the recipe's network is pretrained, it is that network as it is.

    Args:
        shots: labelled images of the target.
        recipe: its `network` is built, and not trained.
        seed: seed of the network's weights.
    """
    if recipe.network.is_pretrained:
        return fresh_network(shots, recipe, seed)
    height, width, channels = shots.shape
    pixels = Network(nn.Flatten(), nn.utils.skip_init(nn.Linear, height * width * channels, len(shots.classes)))
    candidates = (pixels, fresh_network(shots, recipe, seed))
    return min(candidates, key=lambda network: RidgeHead().score(network, shots, seed).squared_error)


def lengthen(adaptation: G, recipe: Recipe) -> G:
    """The default settings of a training from scratch: long, at the learning rate of the pretraining."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    return replace(adaptation, steps=max(1, round(LENGTH * recipe.steps)), learning_rate=rate, weight_decay=decay)
