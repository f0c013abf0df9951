"""Intervals over trainings and test images: they cover both, and are exact where nothing varies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from geosearch.adaptation.cross_validation import class_weights
from geosearch.confirmation.cross_fitting import CrossFitting
from geosearch.confirmation.intervals import bootstrap_half_width, cross_fitted_half_width, t_half_width


def test_the_interval_is_the_t_interval():
    values = np.random.default_rng(0).normal(size=6)
    low, high = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    assert t_half_width(values) == pytest.approx((high - low) / 2)


def test_one_training_has_no_interval():
    assert math.isnan(bootstrap_half_width(np.ones((1, 50))))


def test_weighted_by_class_the_mean_is_the_balanced_error():
    truth = np.array([0, 0, 0, 0, 1, 1, 2])
    wrong = np.array([1, 0, 0, 0, 1, 0, 1], float)
    assert class_weights(truth, 1).mean() == pytest.approx(1)
    assert (wrong * class_weights(truth, 1)).mean() == pytest.approx(np.mean([1 / 4, 1 / 2, 1]))
    assert (class_weights(np.array([3, 3, 1, 1]), 1) == 1).all()


def test_the_interval_of_a_balanced_error_holds_the_truth_as_often_as_it_says():
    """Four classes, 2 to 40 images of each, with errors of 5 to 60 % in them: images and trainings are drawn anew."""
    rng, held, cells = np.random.default_rng(0), 0, 200
    counts, errors = (40, 20, 8, 2), (0.05, 0.2, 0.4, 0.6)
    truth = np.repeat(np.arange(4), counts)
    for _ in range(cells):
        hard = rng.random(len(truth))
        shifts = rng.normal(0, 0.02, (3, 1))
        wrong = (hard < np.repeat(errors, counts) + shifts).astype(float)
        estimate = (wrong * class_weights(truth, 1)).mean()
        held += abs(estimate - np.mean(errors)) <= bootstrap_half_width(wrong * class_weights(truth, 1), pseudo=(0, 1))
    assert held / cells >= 0.9


def test_nothing_varies_nothing_is_uncertain():
    assert bootstrap_half_width(np.ones((3, 50))) == 0.0


def test_few_images_are_uncertain_even_where_all_trainings_agree():
    """A t interval over trainings would be zero here."""
    wrong = np.tile(np.arange(50) < 10, (5, 1)).astype(float)
    assert bootstrap_half_width(wrong) == pytest.approx(1.96 * np.sqrt(0.2 * 0.8 / 50), rel=0.1)


def test_trainings_are_uncertain_even_with_many_images():
    wrong = np.stack([np.arange(5000) < count for count in (500, 600, 700, 800)]).astype(float)
    assert bootstrap_half_width(wrong) > 0.015


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says():
    """Of two methods, 10 and 14 % wrong on average, with noise of trainings and of images."""
    rng, held, cells = np.random.default_rng(0), 0, 120
    for _ in range(cells):
        hard = rng.random(200)  # shared by both methods
        own, other = (
            (hard + rng.normal(0, 0.1, (4, 200)) < level + rng.normal(0, 0.01, (4, 1))).astype(float)
            for level in (0.10, 0.14)
        )
        half = bootstrap_half_width(own - other)
        wide = rng.random(200_000)
        truth = np.mean(wide + rng.normal(0, 0.1414, 200_000) < 0.10) - np.mean(
            wide + rng.normal(0, 0.1414, 200_000) < 0.14
        )
        held += abs((own - other).mean() - truth) <= half
    assert held / cells >= 0.90


def test_equal_data_give_equal_intervals():
    values = np.random.default_rng(0).normal(size=(3, 40))
    assert bootstrap_half_width(values) == bootstrap_half_width(values)


@pytest.mark.parametrize("images", [12, 25, 60])
def test_few_labels_give_intervals_that_hold_the_truth(images):
    """Of two methods, 25 and 35 % wrong, that err on the same images more often than not; a single training."""
    rng, held, cells = np.random.default_rng(1), 0, 200
    for _ in range(cells):
        hard = rng.random(images)
        own, other = ((hard + rng.normal(0, 0.05, images) < level).astype(float) for level in (0.25, 0.35))
        half = bootstrap_half_width((own - other)[None], pseudo=(-1.0, 1.0))
        held += abs((own - other).mean() + 0.10) <= half
    assert held / cells >= 0.93


def test_few_labels_that_all_agree_prove_nothing():
    same = np.zeros((1, 12))
    assert bootstrap_half_width(same, pseudo=(-1.0, 1.0)) > 0.05


def test_labels_that_judge_in_folds_give_intervals_that_hold_the_truth():
    """Nearest class means on clear and on noisy features; the truth is that of means of all labels of a draw."""
    rng, dimensions, cells, held = np.random.default_rng(0), 20, 100, {"bootstrap": 0, "in folds": 0}
    for cell in range(cells):
        means = 0.5 * rng.normal(size=(10, dimensions))
        y = np.repeat(np.arange(10), np.maximum(2, np.round(5 * 2 ** rng.uniform(-1, 1, 10))).astype(int))
        new = rng.integers(10, size=1500)
        clear, unseen = (means[labels] + rng.normal(size=(len(labels), dimensions)) for labels in (y, new))
        noisy, noisy_unseen = (x + rng.normal(size=x.shape) for x in (clear, unseen))
        first, second = (_judged_in_folds(x, y, cell) for x in (clear, noisy))
        truth = (_nearest_mean(clear, y, unseen) != new).mean() - (_nearest_mean(noisy, y, noisy_unseen) != new).mean()
        gaps = (first - second)[None]
        away = abs(gaps.mean() - truth)
        held["bootstrap"] += away <= bootstrap_half_width(gaps, pseudo=(-1.0, 1.0))
        held["in folds"] += away <= cross_fitted_half_width(gaps, (-1.0, 1.0))
    assert held["in folds"] / cells >= 0.93
    assert held["bootstrap"] / cells < 0.92  # what the factor is for


def _judged_in_folds(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    wrong = np.zeros(len(y))
    for split in CrossFitting().splits(y, seed):
        kept = np.delete(np.arange(len(y)), split.judged)
        wrong[split.judged] = _nearest_mean(x[kept], y[kept], x[split.judged]) != y[split.judged]
    return wrong


def _nearest_mean(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    means = np.stack([x[y == label].mean(0) for label in range(10)])
    return ((new[:, None] - means) ** 2).sum(-1).argmin(1)
