"""Predictions and the truth make the rows of a confirmation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from geosearch.confirmation.predictions import Predictions
from geosearch.confirmation.row import BEST


def rows_of(wrong: np.ndarray, truth: np.ndarray, *, in_folds: bool):
    """The row of the best mixture, wrong where it is said."""
    scored = Predictions({BEST: {"ridge": np.where(wrong, truth + 1, truth)}}, {BEST: 1.0}).score(
        truth, in_folds=in_folds
    )
    candidate = SimpleNamespace(networks=lambda how: 1, unlabelled_images=lambda how: 0)
    request = SimpleNamespace(name=BEST, candidate=candidate, kind="best", label="")
    return scored.row(request, SimpleNamespace(adaptations_of=lambda candidate: {"ridge": None}))


@pytest.mark.parametrize("in_folds", [True, False])
def test_a_balanced_error_has_an_interval(in_folds):
    truth = np.repeat([0, 1, 2], [12, 5, 2])
    rng = np.random.default_rng(0)
    row = rows_of(rng.random((4, 19)) < 0.3, truth, in_folds=in_folds)
    assert row.balanced_mean("ridge") != row.mean("ridge")
    assert row.balanced_half_width("ridge") > row.half_width("ridge") > 0


def test_of_even_classes_both_intervals_are_the_same():
    truth = np.repeat([0, 1], 10)
    row = rows_of(np.random.default_rng(0).random((3, 20)) < 0.3, truth, in_folds=False)
    assert row.balanced_half_width("ridge") == pytest.approx(row.half_width("ridge"))


def test_without_predictions_of_before_it_is_not_known():
    truth = np.repeat([0, 1], 10)
    assert np.isnan(rows_of(np.zeros((1, 20), bool), truth, in_folds=False).balanced_half_width("ridge"))
