"""Allocation: the shares that classes end with, and what is left alone."""

import numpy as np
import ot
import pytest

from geosearch.transport.solvers.class_balance import allocate, class_factors


@pytest.fixture
def scores():
    """Of 300 images and 4 classes, the first of which is scored too high."""
    logits = np.random.default_rng(0).normal(size=(300, 4)) * 2 + np.array([1.5, 0.0, 0.0, -1.0])
    raised = np.exp(logits)
    return (raised / raised.sum(1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("balance", [0.25, 0.5, 1.0])
def test_classes_end_with_the_shares_that_were_asked_for(scores, balance):
    asked = scores.astype(float).mean(0) ** (1 - balance)
    found = allocate(scores, class_factors(scores, balance))
    np.testing.assert_allclose(found.mean(0), asked / asked.sum(), atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1.0)


@pytest.mark.parametrize("rest", [0.0, 1e-12, 1e-3])
def test_factors_are_those_of_the_plan_in_logarithms(rest):
    rng = np.random.default_rng(0)
    scores = np.where(np.eye(3, dtype=bool)[rng.choice(3, size=60, p=[0.7, 0.3, 0.0])], 1.0, rest)
    positive = (scores + 1e-9) / (scores + 1e-9).sum(1, keepdims=True)
    rows, columns = np.full(60, 1 / 60), np.full(3, 1 / 3)
    _, log = ot.bregman.sinkhorn_log(rows, columns, -np.log(positive), 1.0, stopThr=1e-6, warn=False, log=True)
    expected = np.exp(log["log_v"] - log["log_v"].max())
    np.testing.assert_allclose(class_factors(scores, 1.0), expected / expected.mean(), rtol=1e-6)


def test_without_balance_scores_stay_as_they_are(scores):
    factors = class_factors(scores, 0.0)
    assert factors.tolist() == [1.0] * 4
    np.testing.assert_allclose(allocate(scores, factors), scores, atol=1e-6)


def test_among_images_the_order_within_a_class_pair_stays(scores):
    """Factors move a border between classes; they do not reorder images along it."""
    found = allocate(scores, class_factors(scores, 1.0))
    before, after = scores[:, 0] / scores[:, 1], found[:, 0] / found[:, 1]
    assert (np.argsort(before) == np.argsort(after)).mean() > 0.99


def test_a_class_that_no_image_is_likely_to_be_of_breaks_nothing():
    scores = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.9, 0.1, 0.0]], np.float32)
    factors = class_factors(scores, 1.0)
    assert np.isfinite(factors).all()
    assert np.isfinite(allocate(scores, factors)).all()


def test_no_images_no_factors():
    assert class_factors(np.empty((0, 3), np.float32), 1.0).tolist() == [1.0] * 3
