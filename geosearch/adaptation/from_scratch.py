"""The baseline without pretraining: networks trained on the shots alone, with tuned steps and learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from geosearch import seeds
from geosearch.adaptation.base import Predictor
from geosearch.adaptation.cross_validation import score_predictions, stratified_folds
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.ridge import RidgeHead, one_hot
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


def tune_recipe(
    shots: LabelledSet, recipe: Recipe, seed: int, *, cache: Cache, jobs: int = 1, device: str = "cpu"
) -> Recipe:
    """Select steps and learning rate of a training from scratch by cross-validation on the shots.

    Tuning the number of steps takes the place of early stopping, which would need validation images. The longest
    training has 1.5 times the recipe's steps, about as many as pretraining and fine-tuning have together. Where the
    recipe recolours images, the middle choice is tried without recolouring too. With a single shot in a class there
    is nothing to validate on, and the middle choice is returned.

    Args:
        shots: labelled images of the target.
        recipe: the recipe to start from.
        seed: seed of the folds and the trainings.
        cache: keeps the validation errors.
        jobs: number of processes; has no effect on the result.
        device: where to train, as for `pretrain`.

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
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
    stored = cache.arrays("few-shot", key, lambda: _cross_validate(shots, recipes, seed, jobs, device))
    return recipes[int(np.argmin(stored["squared_errors"]))]


def train_from_scratch(shots: LabelledSet, recipe: Recipe, seed: int, *, device: str = "cpu") -> NetworkPredictor:
    """Train a network without pretraining on the augmented shots.

    Args:
        shots: labelled images of the target.
        recipe: how to train, usually from `tune_recipe`.
        seed: seed of the initial weights, the batches and the augmentation.
        device: where to train, as for `pretrain`.

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
    """
    height, _, channels = shots.shape
    fresh = recipe.network.build(channels, height, len(shots.classes), seeds.integer(seed, "few-shot"))
    return NetworkPredictor(fine_tune(fresh, shots, recipe, seed, device=device))


def fit_ridge_from_scratch(shots: LabelledSet, recipe: Recipe, seed: int) -> Predictor:
    """Fit a `RidgeHead` to raw pixels or to an untrained network, whichever has the smaller leave-one-out error.

    Args:
        shots: labelled images of the target.
        recipe: its `network` is built, and not trained.
        seed: seed of the network's weights.
    """
    height, width, channels = shots.shape
    classes = len(shots.classes)
    pixels = Network(nn.Flatten(), nn.utils.skip_init(nn.Linear, height * width * channels, classes))
    untrained = recipe.network.build(channels, height, classes, seeds.integer(seed, "few-shot"))
    head = RidgeHead()
    return head.fit(min((pixels, untrained), key=lambda n: head.score(n, shots, seed).squared_error), shots, seed)


def _cross_validate(
    shots: LabelledSet, recipes: Sequence[Recipe], seed: int, jobs: int, device: str
) -> dict[str, np.ndarray]:
    """The squared error of each recipe, (r,)."""
    folds = list(stratified_folds(shots.labels, FOLDS, seeds.stream(seed, "folds")))
    calls = [
        (_predict_fold, (shots, fit_rows, validation_rows, one, seed, device))
        for one in recipes
        for fit_rows, validation_rows in folds
    ]
    predictions = iter(in_processes(calls, jobs))
    target, errors = one_hot(shots.labels, len(shots.classes)), []
    for _ in recipes:
        prediction = np.empty_like(target)
        for _, validation_rows in folds:
            prediction[validation_rows] = next(predictions)
        errors.append(score_predictions(prediction, target).squared_error)
    return {"squared_errors": np.array(errors)}


def _predict_fold(
    shots: LabelledSet, fit_rows: np.ndarray, validation_rows: np.ndarray, recipe: Recipe, seed: int, device: str
) -> np.ndarray:
    """Class scores of the validation rows by a network trained on the others."""
    return train_from_scratch(shots.take(fit_rows), recipe, seed, device=device).predict(shots.images[validation_rows])
