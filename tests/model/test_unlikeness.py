"""A known Gaussian: one in twenty is above the threshold, what is far away is above it."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import ledoit_wolf

from geosearch.model.unlikeness import Unlikeness, _principal


def clouds(count: int, seed: int = 0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    return 4 * np.eye(3, 10)[labels] + rng.normal(size=(count, 10)) + shift, labels


def test_one_in_twenty_of_the_target_is_above_one_and_what_is_far_is():
    features, labels = clouds(2000)
    unlike = Unlikeness.fit(features, labels, 0)
    assert 0.03 < (unlike.score(clouds(4000, seed=1)[0]) > 1).mean() < 0.07
    assert (unlike.score(clouds(500, seed=2, shift=4)[0]) > 1).mean() > 0.95
    assert abs(np.median(unlike.score(features))) < 0.2


def test_fewer_images_than_dimensions_still_give_a_threshold_that_holds():
    features, labels = clouds(24)
    wide = np.concatenate([features, np.zeros((24, 90))], 1)
    unlike = Unlikeness.fit(wide, labels, 0)
    assert np.isfinite(unlike.score(wide)).all()
    assert (unlike.score(wide) > 1).mean() <= 0.2


def test_a_single_image_or_equal_ones_do_not_end_it():
    assert np.isfinite(Unlikeness.fit(np.ones((1, 4)), np.zeros(1, int), 0).score(np.zeros((2, 4)))).all()
    assert np.isfinite(Unlikeness.fit(np.ones((6, 4)), np.zeros(6, int), 0).score(np.zeros((2, 4)))).all()


def test_it_is_restored_from_its_arrays():
    features, labels = clouds(100)
    unlike = Unlikeness.fit(features, labels, 0)
    assert (Unlikeness.restore(unlike.arrays()).score(features) == unlike.score(features)).all()


def test_fewer_images_than_dimensions_are_whitened_as_their_whole_covariance_would():
    within = np.random.default_rng(0).normal(size=(20, 30)) * np.linspace(1, 3, 30)
    values, vectors = _principal(within)
    covariance = ledoit_wolf(within, assume_centered=True)[0]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-8)
    np.testing.assert_allclose(vectors * values @ vectors.T, covariance, atol=1e-8)
