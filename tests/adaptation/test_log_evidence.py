"""LogME is the maximum of the evidence, and ranks features as it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from geosearch.adaptation.log_evidence import logme
from geosearch.errors import InvalidDataError


def problem(n, d, classes, signal, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    return rng.normal(size=(n, d)) + signal * rng.normal(size=(classes, d))[labels], labels


def maximum(features, y):
    """The evidence from the density of y itself, maximized directly from several starts.

    Along the axes of the covariance of y, which do not depend on the penalties, y has independent normal components.
    """
    spread, axes = np.linalg.eigh(features @ features.T)
    along = axes.T @ y

    def loss(logs):
        alpha, beta = np.exp(np.clip(logs, -25, 25))
        return -norm.logpdf(along, scale=np.sqrt(np.maximum(spread, 0) / alpha + 1 / beta)).mean()

    starts = [(a, b) for a in (-4.0, 0.0, 4.0, 8.0) for b in (-1.0, 2.0)]
    return max(-minimize(loss, start, method="Nelder-Mead", options={"maxiter": 600}).fun for start in starts)


def test_along_the_axes_of_its_covariance_the_density_of_labels_is_the_same():
    features, labels = problem(8, 3, 2, 1.0, 0)
    y, (spread, axes) = (labels == 0).astype(float), np.linalg.eigh(features @ features.T)
    direct = multivariate_normal(np.zeros(8), features @ features.T / 3 + np.eye(8) / 5).logpdf(y)
    assert norm.logpdf(axes.T @ y, scale=np.sqrt(spread / 3 + 1 / 5)).sum() == pytest.approx(direct)


@pytest.mark.parametrize(
    ("n", "d", "signal"), [(12, 3, 0.0), (12, 3, 1.0), (20, 6, 0.5), (8, 15, 0.0), (8, 15, 1.0), (10, 10, 0.5)]
)
def test_it_is_the_maximum_of_the_evidence(n, d, signal):
    """With fewer features than samples, as many, and more."""
    for seed in range(2):
        features, labels = problem(n, d, 2, signal, seed)
        direct = np.mean([maximum(features, (labels == c).astype(float)) for c in range(2)])
        assert logme(features, labels) == pytest.approx(direct, abs=2e-4)


@given(st.integers(3, 30), st.integers(1, 40), st.integers(2, 4), st.floats(0, 2), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_rotations_scales_orders_and_empty_features_change_nothing(n, d, classes, signal, seed):
    features, labels = problem(n, d, classes, signal, seed)
    found, rng = logme(features, labels), np.random.default_rng(seed)
    rotation, order = np.linalg.qr(rng.normal(size=(d, d)))[0], rng.permutation(n)
    assert np.isfinite(found)
    for other in (
        logme(features @ rotation, labels),
        logme(37.0 * features, labels),
        logme(features[order], labels[order]),
        logme(np.concatenate([features, np.zeros((n, 3))], axis=1), labels),
        logme(features, 5 - labels),
    ):
        assert other == pytest.approx(found, abs=1e-5)


def test_no_penalty_of_a_grid_has_more_evidence():
    for seed in range(3):
        features, labels = problem(40, 5, 3, 0.7, seed)
        best = np.full(3, -np.inf)
        for t in np.logspace(-3, 7, 400):
            covariance = np.eye(40) + features @ features.T / t
            for c in range(3):
                y = (labels == c).astype(float)
                noise = y @ np.linalg.solve(covariance, y) / 40
                best[c] = max(best[c], multivariate_normal(np.zeros(40), noise * covariance).logpdf(y) / 40)
        assert best.mean() - 1e-9 <= logme(features, labels) <= best.mean() + 1e-3


def test_features_that_tell_classes_apart_have_more_evidence_and_overfitting_does_not_help():
    noise, labels = problem(30, 100, 3, 0.0, 0)
    good = noise[:, :10] + 3 * np.eye(3, 10)[labels]
    assert logme(good, labels) > logme(noise[:, :10], labels) + 0.2
    assert logme(good, labels) > logme(noise, labels) + 0.2  # a hundred features of noise fit thirty labels exactly


def test_a_class_without_samples_and_features_of_zeros_are_no_trouble():
    features, labels = problem(20, 4, 2, 1.0, 0)
    assert logme(features, 3 * labels) == pytest.approx(logme(features, labels))
    assert np.isfinite(logme(np.zeros((20, 4)), labels))


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (np.ones(5), np.zeros(5, int)),
        (np.ones((5, 2)), np.zeros(4, int)),
        (np.ones((0, 2)), np.zeros(0, int)),
        (np.full((5, 2), np.nan), np.zeros(5, int)),
    ],
)
def test_what_cannot_be_used_is_refused(features, labels):
    with pytest.raises(InvalidDataError):
        logme(features, labels)
