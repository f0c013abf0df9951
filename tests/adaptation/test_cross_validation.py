"""Cross-validation: folds are disjoint and stratified, and the score of known predictions is known."""

import numpy as np

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
