"""Losses for uneven classes: none at all where they are even, and the known answers where there are some."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.sets import blobs
from torch.nn import functional as F

from geosearch.adaptation.balanced_loss import BalancedLoss
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.loss import LogitAdjustment, VectorScaling, class_frequencies
from geosearch.adaptation.ridge import RidgeHead, choose_weights, leave_one_out, one_hot, ridge_fit
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import SmallConv

LOSSES = (LogitAdjustment(), BalancedLoss(steps=2, inner_steps=5))


@pytest.fixture
def network():
    return SmallConv(4).build(channels=1, size=8, classes=4, seed=0)


def uneven(data):
    """Of class 0 all, of the others half."""
    return data.take(np.concatenate([np.flatnonzero(data.labels == c)[: 4 if c == 0 else 2] for c in range(4)]))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [RidgeHead, LinearProbe, FineTuning])
def test_equally_frequent_classes_change_nothing(kind, loss, network, shots, test_part):
    options = {} if kind is RidgeHead else {"steps": 3}
    plain, adjusted = (kind(**options, loss=one).fit(network, shots, 0) for one in (None, loss))
    np.testing.assert_array_equal(adjusted.predict(test_part.images), plain.predict(test_part.images))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [RidgeHead, LinearProbe, FineTuning])
def test_uneven_classes_do(kind, loss, network, shots, test_part):
    options = {} if kind is RidgeHead else {"steps": 3}
    plain, adjusted = (kind(**options, loss=one).fit(network, uneven(shots), 0) for one in (None, loss))
    assert not np.array_equal(adjusted.predict(test_part.images), plain.predict(test_part.images))
    assert len({kind(loss=one).key for one in (None, *LOSSES)}) == 3


def test_scores_that_know_nothing_but_frequencies_are_adjusted_to_equal_ones():
    labels = torch.tensor([0] * 12 + [1] * 3 + [2] * 1)
    scaling = LogitAdjustment().scaling(np.zeros((16, 1)), labels.numpy(), classes=3, seed=0)
    scores = torch.zeros(3, requires_grad=True)
    (slope,) = torch.autograd.grad(F.cross_entropy(scaling(scores.expand(16, 3)), labels), scores)
    torch.testing.assert_close(slope, torch.zeros(3), atol=1e-6, rtol=0)  # the optimum: plain scores that are equal


def test_a_class_without_labels_counts_like_the_rarest():
    scaling = VectorScaling.of(class_frequencies(np.array([0, 0, 0, 0, 1]), 3), tau=1.0, gamma=0.5)
    torch.testing.assert_close(scaling.offsets, torch.tensor([0.0, np.log(0.25), np.log(0.25)]).float())
    torch.testing.assert_close(scaling.scales, torch.tensor([1.0, 0.5, 0.5]))


def test_weighted_residuals_equal_those_of_refits():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(12, 5)), rng.normal(size=(12, 3)), rng.uniform(0.2, 3, 12)
    w /= w.mean()
    rows = [np.arange(12) != i for i in range(12)]
    refits = [ridge_fit(x[r], y[r], 0.7, w[r]).predict(x[~r])[0] for r in rows]
    np.testing.assert_allclose(leave_one_out(x, y, 0.7, weights=w).residuals, np.array(refits) - y, atol=1e-10)


def test_integer_weights_are_copies():
    rng = np.random.default_rng(0)
    x, y, times = rng.normal(size=(6, 4)), rng.normal(size=(6, 2)), np.array([1, 2, 3, 1, 1, 2])
    weighted, copied = ridge_fit(x, y, 0.5, times), ridge_fit(np.repeat(x, times, 0), np.repeat(y, times, 0), 0.5)
    np.testing.assert_allclose(weighted.weight, copied.weight)
    np.testing.assert_allclose(weighted.bias, copied.bias)


def test_features_that_say_nothing_predict_equal_classes_at_power_one():
    labels = np.array([0] * 8 + [1] * 2)
    found, weights = choose_weights(np.zeros((10, 2)), one_hot(labels, 2), (1.0,))
    np.testing.assert_allclose(ridge_fit(np.zeros((10, 2)), one_hot(labels, 2), found.ridge, weights).bias, [0.5, 0.5])


def test_errors_count_classes_alike(network):
    data = blobs("target", 4, 8, seed=1)
    few = data.take(np.flatnonzero((data.labels != 3) | (np.arange(32) % 8 < 2)))
    score = RidgeHead(loss=LogitAdjustment()).score(network, few, seed=0)
    assert 0 <= score.top1_error <= 1
    assert score != RidgeHead().score(network, few, seed=0)


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match="tau"):
        LogitAdjustment(tau=-1.0)
