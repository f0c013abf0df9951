"""MeLa: what is the same in two sources becomes one label, and what is not stays apart."""

from __future__ import annotations

import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.label_spaces import merged
from geosearch.mixture.label_spaces.merged import MergedLabels, held_out_likelihood, merge_classes


def test_classes_of_two_halves_of_one_set_merge_one_to_one():
    digits = load("digits")
    halves = [digits.take(range(800)), digits.take(range(800, 1600))]
    groups = MergedLabels().fit(halves, PixelEncoder()).groups
    assert groups[:10] == groups[10:] == tuple(range(10))


@pytest.mark.parametrize(("images", "most"), [(500, 10), (2000, 12)])  # more images, more that typefaces differ in
def test_digits_of_four_typefaces_merge_into_ten_classes(images, most):
    sources = [
        harmonize(load(f"fonts/{name}-digits").sample(images, np.random.default_rng(0)), size=28, channels=1)
        for name in ("sans", "serif", "mono", "computer-modern")
    ]
    groups = np.array(MergedLabels().fit(sources, PixelEncoder()).groups).reshape(4, 10)
    members = [set(np.nonzero(groups == group)[1]) for group in np.unique(groups)]
    assert all(len(one) == 1 for one in members)  # purity 1
    assert 10 <= len(members) <= most


@pytest.mark.parametrize("seed", range(5))
def test_common_classes_are_found_in_any_order_and_no_source_loses_a_class(seed):
    rng = np.random.default_rng(seed)
    shared, own = 10 * rng.normal(size=(5, 40)), 10 * rng.normal(size=(3, 40))
    first = rng.permutation(5)
    groups = merge_classes([shared + rng.normal(size=(5, 40)), np.concatenate([shared[first], own]) + 3.0])
    assert len(set(groups[:5])) == 5
    assert len(set(groups[5:])) == 8
    assert groups[5:10].tolist() == groups[first].tolist()


def test_the_likelihood_is_that_of_the_joint_distribution():
    """Of a pair and a single point, at the share and the variance that it chose."""
    points = np.array([[1.0, 0.5, -0.3], [0.2, 1.1, 0.1], [-2.0, 0.4, 1.0]])
    found = held_out_likelihood(points, np.array([0, 0, 1]))
    best = -np.inf
    for r in np.linspace(0.02, 0.98, 25):
        for v in np.linspace(0.2, 2, 91):
            pair = np.array([[v, r * v], [r * v, v]])
            joint = sum(multivariate_normal(np.zeros(2), pair).logpdf(points[:2, j]) for j in range(3))
            single = [multivariate_normal(np.zeros(3), v * np.eye(3)).logpdf(point) for point in points]
            best = max(best, (joint - single[1]) + (joint - single[0]) + single[2])
    assert found.sum() == pytest.approx(best, abs=0.02)


def test_many_classes_are_compared_without_an_array_of_all_differences():
    """300 classes of 200 features: 144 MB as differences, under 1 MB as distances."""
    means = [np.random.default_rng(seed).normal(size=(150, 200)) for seed in range(2)]
    with patch.object(merged, "_COSTS", 1):  # the clusterings, of which there is one for every cost, take the time
        tracemalloc.start()
        merge_classes(means)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40e6


def test_a_class_without_images_keeps_a_label_of_its_own():
    digits = load("digits")
    half = digits.take(range(400))
    lacking = digits.take(400 + np.flatnonzero(digits.labels[400:800] != 3))
    groups = MergedLabels().fit([half, lacking], PixelEncoder()).groups
    assert groups[13] == 10
    assert [groups[10 + label] for label in range(10) if label != 3] == [label for label in range(10) if label != 3]
