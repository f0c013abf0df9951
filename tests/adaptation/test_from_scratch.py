"""The baselines without pretraining are tuned on shots alone, and strong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.adaptation import from_scratch
from geosearch.adaptation.from_scratch import CHOICES, FOLDS, fit_ridge_from_scratch, train_from_scratch, tune_recipe
from geosearch.data.dataset import LabelledSet, balanced_rows
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache


def error(predictor, labelled):
    return float(np.mean(predictor.predict(labelled.images).argmax(1) != labelled.labels))


def test_the_tuned_recipe_is_one_of_the_choices_and_learns(recipe, shots, test_part, tmp_path):
    chosen = tune_recipe(shots, recipe, 0, cache=Cache(tmp_path))
    assert chosen.steps in {round(recipe.steps * factor) for factor, _ in CHOICES}
    assert chosen.network == recipe.network
    assert error(train_from_scratch(shots, chosen, 0), test_part) < 0.2


def test_more_processes_choose_the_same(recipe, shots, tmp_path):
    one, two = (Cache(tmp_path / str(jobs)) for jobs in (1, 2))
    assert tune_recipe(shots, recipe, 0, cache=two, jobs=2) == tune_recipe(shots, recipe, 0, cache=one)


def test_it_is_chosen_once_for_the_same_shots_recipe_and_seed(recipe, shots, tmp_path, monkeypatch):
    trained = []
    train = from_scratch.fine_tune
    monkeypatch.setattr(from_scratch, "fine_tune", lambda *args, **kw: trained.append(1) or train(*args, **kw))
    recipe = recipe.scaled(3)
    for asked in ((shots, recipe, 0), (shots, recipe, 0)):
        tune_recipe(*asked, cache=Cache(tmp_path))
        assert len(trained) == FOLDS * len(CHOICES)
    for asked in ((shots, recipe, 1), (shots, recipe.scaled(4), 0), (shots.take(np.arange(0, 16, 2)), recipe, 0)):
        trained.clear()
        tune_recipe(*asked, cache=Cache(tmp_path))
        assert trained


def test_a_single_shot_of_a_class_takes_the_middle_choice(recipe, tmp_path):
    assert tune_recipe(blobs("one", 4, 1), recipe, 0, cache=Cache(tmp_path)).steps == round(
        recipe.steps * CHOICES[1][0]
    )


def test_colours_are_not_forced_on_few_shots_that_are_better_without(recipe, tmp_path):
    """Classes that differ by brightness alone, which recolouring takes away."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 6)
    images = (60 + 120 * labels[:, None, None, None] + rng.integers(0, 20, (12, 8, 8, 3))).astype(np.uint8)
    shots = LabelledSet.from_arrays(images, labels, name="bright")
    recolouring = replace(recipe, augmentation=Augmentation(0.0, 0.0, 0.0, recolour=1.0))
    assert tune_recipe(shots, recolouring, 0, cache=Cache(tmp_path)).augmentation.recolour == 0


def test_the_ridge_baseline_needs_no_training(recipe, shots, test_part):
    before = torch.get_rng_state()
    assert error(fit_ridge_from_scratch(shots, recipe, 0), test_part) < 0.2
    assert torch.equal(before, torch.get_rng_state())


def test_five_shots_of_real_digits_reach_what_a_tuned_run_should(real_data):
    with np.load(real_data / "mnist.npz") as file:
        train = LabelledSet.from_arrays(file["train_images"], file["train_labels"].astype(int), name="mnist")
        test = LabelledSet.from_arrays(file["test_images"], file["test_labels"].astype(int), name="mnist")
    shots = train.take(balanced_rows(train.labels, 50, np.random.default_rng(0)))
    recipe = Recipe(steps=150, batch=50, label_smoothing=0.1)
    assert error(train_from_scratch(shots, recipe, 0), test.take(np.arange(1000))) < 0.2
    assert error(fit_ridge_from_scratch(shots, recipe, 0), test.take(np.arange(1000))) == pytest.approx(0.3, abs=0.1)
