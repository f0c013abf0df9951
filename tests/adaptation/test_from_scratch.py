"""Starts without pretraining: a fresh network, trained as long as pretraining takes, and fixed features."""

import numpy as np
import pytest
import torch

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fixed_features, fresh_network, lengthen
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet, balanced_rows
from geosearch.nn.recipe import Recipe


def error(predictor, labelled):
    return float(np.mean(predictor.predict(labelled.images).argmax(1) != labelled.labels))


def ridge(shots, recipe):
    return RidgeHead().fit(fixed_features(shots, recipe, 0), shots, 0)


def test_the_default_learns(recipe, shots, test_part):
    default = lengthen(FineTuning(), recipe)
    assert (default.steps, default.learning_rate) == (1.5 * recipe.steps, recipe.learning_rate)
    assert error(default.fit(fresh_network(shots, recipe, 0), shots, 0), test_part) < 0.2


def test_the_ridge_baseline_needs_no_training(recipe, shots, test_part):
    before = torch.get_rng_state()
    assert error(ridge(shots, recipe), test_part) < 0.2
    assert torch.equal(before, torch.get_rng_state())


def test_five_shots_of_real_digits_reach_what_a_tuned_run_should(real_data):
    with np.load(real_data / "mnist.npz") as file:
        train = LabelledSet.from_arrays(file["train_images"], file["train_labels"].astype(int), name="mnist")
        test = LabelledSet.from_arrays(file["test_images"], file["test_labels"].astype(int), name="mnist")
    shots = train.take(balanced_rows(train.labels, 50, np.random.default_rng(0)))
    recipe = Recipe(steps=100)
    predictor = lengthen(FineTuning(), recipe).fit(fresh_network(shots, recipe, 0), shots, 0)
    assert error(predictor, test.take(np.arange(1000))) < 0.2
    assert error(ridge(shots, recipe), test.take(np.arange(1000))) == pytest.approx(0.3, abs=0.1)
