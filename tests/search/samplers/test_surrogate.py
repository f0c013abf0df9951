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
    low, high = (useless.predict(points, np.full((25, 1), score))[0] for score in (-1.0, 1.0))
    assert np.abs(high - low).max() / 2 < 0.35 * errors.std()


# weight of the cheap scores (the prior expects 0.5), amplitude and frequency of the smooth part, noise
SURFACES = {
    "follows the scores": (1.0, 0.4, 0.7, 0.1),
    "contradicts the scores": (-0.7, 0.5, 0.7, 0.1),
    "flat": (0.2, 0.2, 0.7, 0.2),
    "smooth": (0.3, 1.0, 0.6, 0.1),
    "wiggly": (0.3, 0.7, 1.2, 0.1),
}


def share_outside(follows: float, amplitude: float, frequency: float, noise: float, number: int) -> float:
    """Share of 100 true values outside the 95 % band after 9, 12 or 15 evaluations of a random surface."""
    rng = np.random.default_rng(number)
    n, d = 9 + 3 * (number % 3), 3 + number % 3
    points, cheap = rng.normal(size=(n + 100, d)) / np.sqrt(d), rng.normal(size=(n + 100, 2))
    cheap += 1.5 * points[:, :2] * np.sqrt(d)
    cheap /= cheap.std(0)
    waves = np.cos(points @ rng.normal(0, 2 * frequency, (d, 200)) + rng.uniform(0, 2 * np.pi, 200))  # (n + 100, 200)
    true = follows * cheap @ rng.normal(0.7, 0.35, 2) + amplitude * waves @ rng.normal(0, 0.1, 200)
    errors = true[:n] + noise * rng.normal(size=n)
    found = Surrogate.fit(points[:n], cheap[:n], errors, np.full(2, 0.5 / np.sqrt(2)))
    mean, deviation = found.predict(points[n:], cheap[n:])
    return float((np.abs(true[n:] - mean) > 1.96 * deviation).mean())


def test_about_one_true_value_in_twelve_lies_outside_the_95_percent_band_of_few_evaluations():
    """More than a twentieth, since the hyperparameters are taken for known."""
    shares = {name: np.mean([share_outside(*facts, i) for i in range(30)]) for name, facts in SURFACES.items()}
    assert 0.06 < np.mean(list(shares.values())) < 0.12, shares
    assert max(shares.values()) < 0.18, shares


def test_what_is_assumed_of_running_trials_teaches_nothing_about_noise_and_narrows_the_band(rng):
    points, cheap = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    errors = surface(points) + 0.3 * rng.normal(size=12)
    places, scores = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    found = Surrogate.fit(points, cheap, errors)
    mean, deviation = found.predict(places, scores)
    more = np.vstack([points, places]), np.vstack([cheap, scores])
    conditioned = found.condition(*more, np.concatenate([errors, mean]))
    np.testing.assert_array_equal(conditioned.process.kernel_.theta, found.process.kernel_.theta)
    np.testing.assert_allclose(conditioned.predict(points, cheap)[0], found.predict(points, cheap)[0], rtol=1e-6)
    assert (conditioned.predict(places, scores)[1] < deviation).all()


def test_deviations_are_the_root_of_the_covariance(rng):
    points, cheap = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    found = Surrogate.fit(points, cheap, surface(points))
    places, scores = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    variances = np.diag(found.covariance(places, scores))
    np.testing.assert_allclose(np.sqrt(variances), found.predict(places, scores)[1], rtol=1e-6)


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
