"""BalancedLoss: its hypergradient is that of finite differences, and it lowers the balanced error of rare classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from geosearch.adaptation.balanced_loss import BalancedLoss, LeftOut
from geosearch.errors import InvalidOptionError

COUNTS = (60, 20, 6)


def problem(counts, seed=0, spread=1.5):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), 8)) + spread * np.eye(8)[labels], labels


def test_the_gradient_is_that_of_finite_differences():
    found = LeftOut.of(*problem(COUNTS), classes=3, folds=3, seed=0)
    names = ("gram", "logarithms", "fitted", "weights")
    exact = replace(found, **{name: getattr(found, name).double() for name in names})
    at = torch.tensor([0.8, 0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda strengths: exact.error(strengths, 15), (at,))


def test_every_class_has_the_same_weight_in_the_error():
    features, labels = problem((8, 4, 1))
    found = LeftOut.of(features, labels, classes=3, folds=4, seed=0)
    weights = found.weights.sum(0)
    shares = [float(weights[found.labels == label].sum()) for label in range(3)]
    assert shares == pytest.approx([0.5, 0.5, 0.0])  # the single label of a class is never left out
    assert not (found.weights * found.fitted[:, :, 0]).any()


def test_what_is_learned_has_a_lower_left_out_error_than_no_adjustment():
    features, labels = problem(COUNTS)
    found = LeftOut.of(features, labels, classes=3, folds=5, seed=0)
    tau, gamma = BalancedLoss()._learn(found)
    errors = [float(found.error(torch.tensor(at), 60)) for at in ([tau, gamma], [1.0, 0.0], [0.0, 0.0])]
    assert errors[0] <= errors[1] < errors[2]


def test_equal_seeds_learn_the_same():
    data = problem(COUNTS)
    first, again = (BalancedLoss(steps=3).scaling(*data, classes=3, seed=1) for _ in range(2))
    assert torch.equal(first.offsets, again.offsets)
    assert torch.equal(first.scales, again.scales)


def test_single_labels_leave_logit_adjustment():
    scaling = BalancedLoss().scaling(np.eye(3), np.array([0, 1, 2]), classes=3, seed=0)
    assert not scaling.offsets.any()


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match="folds"):
        BalancedLoss(folds=1)
