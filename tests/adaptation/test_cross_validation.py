"""Cross-validation: folds are disjoint and stratified, and the score of known predictions is known."""

import numpy as np
import pytest

from geosearch import seeds
from geosearch.adaptation.cross_validation import score_predictions, stratified_folds
from geosearch.adaptation.ridge import one_hot


def test_folds_part_the_shots_and_spread_every_class():
    labels = np.repeat(np.arange(3), [5, 6, 7])
    parts = list(stratified_folds(labels, 3, seeds.stream(0, "folds")))
    assert sorted(np.concatenate([left_out for _, left_out in parts]).tolist()) == list(range(18))
    for fitted, left_out in parts:
        assert set(fitted).isdisjoint(left_out)
        assert len(fitted) + len(left_out) == 18
        assert set(labels[fitted]) == set(labels[left_out]) == {0, 1, 2}


def test_the_error_of_a_perfect_prediction_is_nought_and_of_its_opposite_two():
    target = one_hot(np.array([0, 1, 1]), 2)
    assert score_predictions(target, target).squared_error == 0
    assert score_predictions(1 - target, target).squared_error == 2
    assert score_predictions(1 - target, target).top1_error == 1


@pytest.mark.parametrize(("balance", "expected"), [(0.0, 1 / 10), (0.5, 1 / 4), (1.0, 1 / 2)])
def test_classes_count_as_a_power_of_their_numbers_of_rows(balance: float, expected: float):
    target = one_hot(np.repeat([0, 1], [9, 1]), 2)  # powers 9^.5 and 1: three to one
    score = score_predictions(one_hot(np.zeros(10, int), 2), target, balance=balance)
    assert score.top1_error == pytest.approx(expected)
    assert score.squared_error == pytest.approx(2 * expected)
    assert np.mean(score.losses) == pytest.approx(2 * expected)


@pytest.mark.parametrize("balance", [0.3, 1.0])
def test_even_classes_count_alike_whatever_the_balance(balance: float):
    target, prediction = one_hot(np.repeat([0, 1], 4), 2), np.random.default_rng(0).random((8, 2))
    found, plain = score_predictions(prediction, target, balance=balance), score_predictions(prediction, target)
    assert found.top1_error == pytest.approx(plain.top1_error)
    assert found.squared_error == pytest.approx(plain.squared_error)
