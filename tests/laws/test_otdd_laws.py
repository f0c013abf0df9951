"""Laws of the distance between labelled sets."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from generators.sets import blobs
from scipy.linalg import sqrtm

from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.exact import ExactLabels
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.label_distances.means import MeanLabels

LABELS = [GaussianLabels(), ExactLabels(), MeanLabels()]


@pytest.fixture
def pair():
    return blobs("a", 3, 20, seed=1), blobs("b", 4, 15, seed=2, shift=7)


@pytest.mark.parametrize("labels", LABELS, ids=repr)
def test_a_set_is_at_no_distance_from_itself(pair, labels):
    assert otdd(pair[0], pair[0], labels=labels).value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("labels", LABELS, ids=repr)
def test_it_is_symmetric(pair, labels):
    a, b = pair
    assert otdd(a, b, labels=labels).value == pytest.approx(otdd(b, a, labels=labels).value, rel=1e-6)


def test_the_order_of_images_and_the_numbers_of_classes_do_not_matter(pair):
    a, b = pair
    rows = np.random.default_rng(0).permutation(len(a))
    renamed = np.array([2, 0, 1])
    shuffled = replace(a, images=a.images[rows], labels=renamed[a.labels[rows]])
    assert otdd(shuffled, b).value == pytest.approx(otdd(a, b).value, rel=1e-6)


def test_features_and_labels_add_up(pair):
    distance = otdd(*pair)
    assert distance.value == pytest.approx(distance.parts.features + distance.parts.labels)
    assert distance.parts.labels > 0


def test_it_equals_brute_force_on_a_handful_of_points():
    a, b = blobs("a", 2, 3, seed=1, size=4), blobs("b", 2, 3, seed=2, size=4, shift=2)
    distance = otdd(a, b)
    x, y = (one.images.reshape(6, -1) / 255 for one in (a, b))
    cost = np.square(x[:, None] - y[None]).sum(axis=2) + distance.label_table[np.ix_(a.labels, b.labels)]
    best = min(cost[range(6), list(order)].mean() for order in permutations(range(6)))
    assert distance.value == pytest.approx(best, rel=1e-6)


def test_the_gaussian_label_distance_is_the_bures_formula():
    """|m - m'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2), in float64, to 1e-8."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)) + shift for shift in (0, 1))
    s, s2 = (np.cov(one.T, bias=True) for one in (x, y))
    root = sqrtm(s)
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s + s2 - 2 * sqrtm(root @ s2 @ root).real)
    assert GaussianLabels(debiased=False).table([x, y])[0, 1] == pytest.approx(expected, rel=1e-8)


def test_classes_of_one_image_and_of_none_are_coped_with():
    rng = np.random.default_rng(0)
    table = GaussianLabels().table([rng.normal(size=(1, 4)), rng.normal(size=(5, 4)), np.zeros((0, 4))])
    assert np.isfinite(table[:2, :2]).all()
    assert np.isnan(table[2]).all()


def test_equal_sizes_give_a_permutation(pair):
    plan = otdd(*pair).plan
    assert sorted(plan.permutation) == list(range(60))
