"""The surrogate: smooth functions are learned, noise is told from signal, useless cheap scores are ignored."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.search.samplers.surrogate import Surrogate, expected_improvement


def surface(points: np.ndarray) -> np.ndarray:
    return np.sin(points[:, 0]) + 0.5 * points[:, 1] ** 2


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_smooth_surface_is_learned_and_its_noise_too(rng):
    points, places = rng.uniform(-2, 2, (60, 3)), rng.uniform(-2, 2, (200, 3))
    errors = 5 + surface(points) + 0.1 * rng.normal(size=60)
    found = Surrogate.fit(points, np.zeros((60, 1)), errors)
    mean, deviation = found.predict(places, np.zeros((200, 1)))
    misses = mean - 5 - surface(places)
    assert np.sqrt((misses**2).mean()) < 0.3 * surface(places).std()
    assert found.noise == pytest.approx(0.1, rel=0.6)
    assert (np.abs(misses) < 3 * deviation + 0.05).mean() > 0.9


def test_units_do_not_matter(rng):
    """Law: other units of points, scores and errors give the same posterior in those units."""
    points, cheap = rng.normal(size=(30, 2)), rng.normal(size=(30, 1))
    errors = surface(points) + cheap[:, 0]
    first = Surrogate.fit(points, cheap, errors).predict(points + 0.1, cheap)
    scaled = Surrogate.fit(1000 * points, 7 * cheap - 3, 0.01 * errors + 4).predict(
        1000 * (points + 0.1), 7 * cheap - 3
    )
    np.testing.assert_allclose(scaled[0], 0.01 * first[0] + 4, rtol=1e-3)
    np.testing.assert_allclose(scaled[1], 0.01 * first[1], rtol=0.05)


def test_a_cheap_score_that_tells_everything_is_believed_and_one_that_tells_nothing_is_not(rng):
    points, places = rng.normal(size=(25, 4)), rng.normal(size=(100, 4)) * 3
    errors = rng.normal(size=25)
    honest = Surrogate.fit(points, errors[:, None] * 2 + 1, errors)
    answer = rng.normal(size=100)
    np.testing.assert_allclose(honest.predict(places, answer[:, None] * 2 + 1)[0], answer, atol=0.3)
    useless = Surrogate.fit(points, rng.normal(size=(25, 1)), errors)
    assert abs(useless.trend.weight[0, 0]) < 0.35


def test_equal_errors_and_equal_points_are_survived():
    flat = Surrogate.fit(np.zeros((5, 2)), np.zeros((5, 1)), np.ones(5))
    mean, deviation = flat.predict(np.ones((3, 2)), np.zeros((3, 1)))
    np.testing.assert_allclose(mean, 1.0)
    assert np.isfinite(deviation).all()


def test_expected_improvement_is_the_integral_that_it_stands_for(rng):
    draws = rng.normal(0.3, 0.5, 400_000)
    assert expected_improvement(np.array([0.3]), np.array([0.5]), 0.2)[0] == pytest.approx(
        np.maximum(0.2 - draws, 0).mean(), rel=0.02
    )
