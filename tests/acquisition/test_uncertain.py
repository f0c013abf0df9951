"""Uncertain: images between the classes, spread out."""

from __future__ import annotations

import numpy as np

from geosearch.acquisition import LabelState, Uncertain


def test_images_between_the_classes_are_preferred():
    rng = np.random.default_rng(0)
    sure = np.concatenate([rng.normal(-1, 0.02, (50, 1)), rng.normal(1, 0.02, (50, 1))])
    unsure = rng.normal(0, 0.1, (20, 1))
    labelled = np.array([[-1.0], [-1.02], [1.0], [1.02]])
    state = LabelState(np.concatenate([sure, unsure]), labelled, np.array([0, 0, 1, 1]), 2)
    rows = np.concatenate([Uncertain().choose(state, 5, seed=seed) for seed in range(10)])
    assert (rows >= 100).mean() > 0.5  # they are a sixth of all


def test_images_with_equal_gradients_are_not_chosen_twice():
    twin = np.repeat([[0.0, 0.1], [0.1, 0.0], [-0.1, 0.1]], 10, axis=0)
    labelled = np.array([[-1.0, 0], [-1.1, 0], [1.0, 0], [1.1, 0]])
    state = LabelState(twin, labelled, np.array([0, 0, 1, 1]), 2)
    assert len({row // 10 for row in Uncertain().choose(state, 3, seed=0).tolist()}) == 3


def test_without_labels_images_are_spread_out():
    points = np.repeat(np.eye(4), 25, axis=0)
    state = LabelState(points, points[:0], np.zeros(0, np.int64), 2)
    assert len({row // 25 for row in Uncertain().choose(state, 4, seed=0).tolist()}) == 4
