"""Typical: one dense image from every cluster without labels, the largest first."""

from __future__ import annotations

import numpy as np

from geosearch.acquisition import LabelState, Typical


def clusters(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Points around the corners of a simplex, and the corner of each."""
    rng = np.random.default_rng(0)
    corner = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes))[corner] + 0.05 * rng.normal(size=(len(corner), len(sizes))), corner


def test_the_largest_clusters_without_labels_come_first():
    points, corner = clusters([40, 30, 20, 10])
    state = LabelState(points[1:], points[:1], np.array([0]), 4)
    rows = Typical().choose(state, 3, seed=0)
    assert corner[1:][rows].tolist() == [1, 2, 3]


def test_the_image_is_the_densest_of_its_cluster():
    points, corner = clusters([40, 30])
    state = LabelState(points, points[:0], np.zeros(0, np.int64), 2)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    for row in Typical().choose(state, 2, seed=0):
        own = np.flatnonzero(corner == corner[row])
        near = min(20, len(own) // 2)
        gaps = np.sort(np.linalg.norm(unit[own][:, None] - unit[own][None], axis=2), axis=1)[:, 1 : near + 1].mean(1)
        assert own[gaps.argmin()] == row


def test_clusters_of_few_images_wait_until_no_other_is_left():
    points, corner = clusters([30, 30, 3])
    state = LabelState(points, points[:0], np.zeros(0, np.int64), 2)
    assert 2 not in corner[Typical().choose(state, 3, seed=0)]
    assert 2 in corner[Typical().choose(state, 63, seed=0)]
