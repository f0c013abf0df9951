"""Robust prototypes: equal shots are the prototype, and one that is far away has little or no effect."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.adaptation.prototypes import MeanPrototypes
from geosearch.adaptation.robust_prototypes import MedianPrototypes, SimilarityPrototypes

RULES = [MeanPrototypes(), MedianPrototypes(), SimilarityPrototypes()]


@pytest.mark.parametrize("rule", RULES)
def test_equal_shots_are_their_prototype_and_order_has_no_effect(rule):
    z, labels = np.array([[1.0, 2.0]] * 3 + [[5.0, 5.0]]), np.array([0, 0, 0, 2])
    np.testing.assert_allclose(rule.prototypes(z, labels), [[1.0, 2.0], [5.0, 5.0]])
    rng = np.random.default_rng(0)
    z, labels, order = rng.normal(size=(12, 3)), np.arange(12) % 3, rng.permutation(12)
    np.testing.assert_allclose(rule.prototypes(z[order], labels[order]), rule.prototypes(z, labels))


@pytest.mark.parametrize(("rule", "moved"), [(RULES[0], 200.0), (RULES[1], 0.2), (RULES[2], 30.0)])
def test_how_far_one_shot_of_five_moves_the_prototype(rule, moved):
    rng = np.random.default_rng(0)
    z = np.concatenate([0.1 * rng.normal(size=(4, 3)), [[1000.0, 0.0, 0.0]]])
    shift = float(np.linalg.norm(rule.prototypes(z, np.zeros(5, int))))
    assert shift == pytest.approx(moved, abs=0.2) if moved == 200 else shift < moved
