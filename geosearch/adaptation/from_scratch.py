"""The baselines without pretraining, as strong as augmentation and cross-validation on the shots make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from geosearch import seeds
from geosearch.adaptation.base import NetworkPredictor, RidgeHead
from geosearch.adaptation.cross_validation import Predictor, error_of, stratified_folds
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import fine_tune
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes

CHOICES = ((0.5, 1.0), (1.5, 1.0), (1.5, 0.3))  # factors on the recipe's steps and on its learning rate
BATCH = 50
LABEL_SMOOTHING = 0.1
FOLDS = 3


def tuned(shots: LabelledSet, recipe: Recipe, seed: int, *, cache: Cache, jobs: int = 1, device: str = "cpu") -> Recipe:
    """The recipe with the steps and learning rate that cross-validation on the shots likes best.

    Choosing among numbers of steps is the early stop: no image is spared from the final training to watch it.
    The longest has half as many steps again as the recipe, about what pretraining and fine-tuning take together.
    Where the recipe recolours images, so that grey sources may serve, the middle choice is tried without that too.
    With a single shot of a class nothing can be left out, and the middle choice is taken. The trainings are spread over
    `jobs` processes, which changes no number; their errors are kept in the cache.
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
    asked = {"shots": shots.fingerprint, "recipes": [one.key for one in recipes], "seed": seed}
    key = content_key("few-shot", version=1, folds=FOLDS, **asked)
    stored = cache.arrays("few-shot", key, lambda: _cross_validated(shots, recipes, seed, jobs, device))
    return recipes[int(np.argmin(stored["squared_errors"]))]


def _cross_validated(
    shots: LabelledSet, recipes: Sequence[Recipe], seed: int, jobs: int, device: str
) -> dict[str, np.ndarray]:
    """The squared error of each recipe, (r,)."""
    parts = list(stratified_folds(shots.labels, FOLDS, seeds.stream(seed, "folds")))
    calls = [
        (_predicted, (shots, fitted, left_out, one, seed, device)) for one in recipes for fitted, left_out in parts
    ]
    found = iter(in_processes(calls, jobs))
    target, errors = one_hot(shots.labels, len(shots.classes)), []
    for _ in recipes:
        prediction = np.empty_like(target)
        for _, left_out in parts:
            prediction[left_out] = next(found)
        errors.append(error_of(prediction, target).squared_error)
    return {"squared_errors": np.array(errors)}


def _predicted(
    shots: LabelledSet, fitted: np.ndarray, left_out: np.ndarray, recipe: Recipe, seed: int, device: str
) -> np.ndarray:
    """Class scores of some shots by a network that was trained on others."""
    return few_shot(shots.take(fitted), recipe, seed, device=device).predict(shots.images[left_out])


def few_shot(shots: LabelledSet, recipe: Recipe, seed: int, *, device: str = "cpu") -> NetworkPredictor:
    """Train from scratch on the augmented shots, as the (tuned) recipe says."""
    height, _, channels = shots.shape
    fresh = recipe.network.build(channels, height, len(shots.classes), seeds.integer(seed, "few-shot"))
    return NetworkPredictor(fine_tune(fresh, shots, recipe, seed, device=device))


def few_shot_ridge(shots: LabelledSet, recipe: Recipe, seed: int) -> Predictor:
    """A ridge head on what no pretraining leaves: raw pixels or an untrained network, by leave-one-out."""
    height, width, channels = shots.shape
    classes = len(shots.classes)
    pixels = Network(nn.Flatten(), nn.utils.skip_init(nn.Linear, height * width * channels, classes))
    untrained = recipe.network.build(channels, height, classes, seeds.integer(seed, "few-shot"))
    head = RidgeHead()
    return head.fit(min((pixels, untrained), key=lambda n: head.score(n, shots, seed).squared_error), shots, seed)
