"""Rules that make labels of distances: one contract, and what each is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.pseudo_labels.g2l_rules import RULES, LabelRule, MedianSplitRule, NearestAnchorRule


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(seed=st.integers(0, 1000), n=st.integers(1, 60), k=st.integers(1, 6), labels=st.integers(2, 20))
def test_the_contract(rule: LabelRule, seed: int, n: int, k: int, labels: int) -> None:
    """At most so many labels, none empty; equal images share a label; the order of the images changes nothing."""
    rng = np.random.default_rng(seed)
    distances = rng.random((n, k))
    distances[n // 2 :] = distances[: n - n // 2]  # every image twice
    found = rule.assign(distances, labels)
    assert found.shape == (n,)
    assert 1 <= len(np.unique(found)) <= labels
    assert (found[n // 2 : n // 2 * 2] == found[: n // 2]).all()
    order = rng.permutation(n)
    back = np.empty(n, np.int64)
    back[order] = rule.assign(distances[order], labels)
    assert partition(back) == partition(found)


def test_order_goes_by_the_relatively_nearest_anchor() -> None:
    """All images are nearest to anchor 0; relative to what is usual here, half of them are near anchor 1."""
    distances = np.array([[0.1, 0.9], [0.11, 0.91], [0.2, 0.8], [0.21, 0.79]])
    assert partition(NearestAnchorRule().assign(distances, 2)) == {frozenset({0, 1}), frozenset({2, 3})}


def test_order_divides_the_largest_class_by_its_next_anchor() -> None:
    distances = 0.5 + 0.05 * np.array([[-3, 1, 2], [-3, 2, 1], [-3, 1, 2], [9, -4, -5]])  # each mean is 0.5
    assert partition(NearestAnchorRule().assign(distances, 2)) == {frozenset({0, 1, 2}), frozenset({3})}
    assert partition(NearestAnchorRule().assign(distances, 3)) == {frozenset({0, 2}), frozenset({1}), frozenset({3})}


@given(seed=st.integers(0, 1000), labels=st.sampled_from([2, 3, 4, 8, 10]))
def test_bins_are_about_equally_large(seed: int, labels: int) -> None:
    distances = np.random.default_rng(seed).random((320, 4)) ** 5
    sizes = np.bincount(MedianSplitRule().assign(distances, labels))
    assert len(sizes) == labels
    assert sizes.max() <= 2 * sizes.min() + 2


@pytest.mark.parametrize("labels", [4, 7, 26])
def test_more_labels_refine_what_fewer_labels_say_by_bins(labels: int) -> None:
    distances = np.random.default_rng(0).random((200, 5))
    coarse, fine = MedianSplitRule().assign(distances, labels), MedianSplitRule().assign(distances, labels + 5)
    assert all(len(np.unique(coarse[fine == label])) == 1 for label in np.unique(fine))
