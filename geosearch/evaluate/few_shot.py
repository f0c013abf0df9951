"""The baselines without pretraining, as strong as augmentation and cross-validation on the shots make them."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from geosearch import seeds
from geosearch.domain.dataset import LabelledSet
from geosearch.evaluate.adaptation import NetworkPredictor, Predictor, RidgeHead, cross_validate
from geosearch.evaluate.network import Network
from geosearch.evaluate.recipe import Recipe
from geosearch.evaluate.train import fine_tune

CHOICES = ((150, 1.0), (400, 1.0), (400, 0.3))  # (steps, factor on the learning rate), fewest steps first
FOLDS = 3


def tuned(shots: LabelledSet, recipe: Recipe, seed: int) -> Recipe:
    """The recipe with the steps and learning rate that cross-validation on the shots likes best.

    Choosing among numbers of steps is the early stop: no image is spared from the final training to watch it.
    With a single shot per class nothing can be left out, and the middle choice is taken.
    """
    recipes = [replace(recipe, steps=steps, learning_rate=recipe.learning_rate * rate) for steps, rate in CHOICES]
    if len(shots) < 2 * len(shots.classes):
        return recipes[len(recipes) // 2]
    return min(
        recipes,
        key=lambda one: cross_validate(lambda part: few_shot(part, one, seed), shots, FOLDS, seed).squared_error,
    )


def few_shot(shots: LabelledSet, recipe: Recipe, seed: int) -> Predictor:
    """Train from scratch on the augmented shots, as the (tuned) recipe says."""
    height, _, channels = shots.shape
    fresh = recipe.network.build(channels, height, len(shots.classes), seeds.integer(seed, "few-shot"))
    return NetworkPredictor(fine_tune(fresh, shots, recipe, seed))


def few_shot_ridge(shots: LabelledSet, recipe: Recipe, seed: int) -> Predictor:
    """A ridge head on what no pretraining leaves: raw pixels or an untrained network, by leave-one-out."""
    height, width, channels = shots.shape
    classes = len(shots.classes)
    pixels = Network(nn.Flatten(), nn.Linear(height * width * channels, classes))
    untrained = recipe.network.build(channels, height, classes, seeds.integer(seed, "few-shot"))
    head = RidgeHead()
    return head.fit(min((pixels, untrained), key=lambda n: head.score(n, shots, seed).squared_error), shots, seed)
