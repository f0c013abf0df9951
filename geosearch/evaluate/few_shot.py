"""The baselines without pretraining, as strong as augmentation and cross-validation on the shots make them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from geosearch import seeds
from geosearch.domain.dataset import LabelledSet
from geosearch.evaluate.adaptation import NetworkPredictor, RidgeHead
from geosearch.evaluate.cross_validation import Predictor, cross_validate
from geosearch.evaluate.network import Network
from geosearch.evaluate.recipe import Recipe
from geosearch.evaluate.train import fine_tune

CHOICES = ((0.5, 1.0), (1.5, 1.0), (1.5, 0.3))  # factors on the recipe's steps and on its learning rate
BATCH = 50
LABEL_SMOOTHING = 0.1
FOLDS = 3


def tuned(shots: LabelledSet, recipe: Recipe, seed: int) -> Recipe:
    """The recipe with the steps and learning rate that cross-validation on the shots likes best.

    Choosing among numbers of steps is the early stop: no image is spared from the final training to watch it.
    The longest has half as many steps again as the recipe, about what pretraining and fine-tuning take together.
    Where the recipe recolours images, so that grey sources may serve, the middle choice is tried without that too.
    With a single shot of a class nothing can be left out, and the middle choice is taken.
    """
    base = replace(recipe, batch=BATCH, label_smoothing=LABEL_SMOOTHING)
    recipes = [
        replace(base, steps=round(base.steps * steps), learning_rate=base.learning_rate * rate)
        for steps, rate in CHOICES
    ]
    if recipe.augmentation.recolour:
        middle = recipes[len(CHOICES) // 2]
        recipes.append(replace(middle, augmentation=replace(middle.augmentation, recolour=0.0)))
    if int(np.bincount(shots.labels, minlength=len(shots.classes)).min()) < 2:
        return recipes[len(CHOICES) // 2]
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
    pixels = Network(nn.Flatten(), nn.utils.skip_init(nn.Linear, height * width * channels, classes))
    untrained = recipe.network.build(channels, height, classes, seeds.integer(seed, "few-shot"))
    head = RidgeHead()
    return head.fit(min((pixels, untrained), key=lambda n: head.score(n, shots, seed).squared_error), shots, seed)
