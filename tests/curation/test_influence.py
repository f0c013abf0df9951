"""The closed forms are what refitting and finite differences give, on any problem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.adaptation.ridge import leave_one_out
from geosearch.curation import weighted_ridge
from geosearch.curation.influence import Validation, dataset_derivative
from geosearch.curation.weighted_ridge import WeightedRidge, best_ridge
from geosearch.errors import InvalidDataError, InvalidOptionError
from geosearch.runtime.events import DerivativeComputed


def problem(n, d, c, seed):
    """Features with a spread and a mean of their own, soft targets, weights with zeros among them, a penalty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + 2.0
    weights = rng.uniform(0.2, 2, n) * (rng.random(n) < 0.8)
    weights[:3] = 1.0
    return x, rng.dirichlet(np.ones(c), size=n), weights, float(10 ** rng.uniform(-1.5, 1.5))


problems = st.builds(
    problem, st.integers(5, 14), st.integers(1, 18), st.integers(1, 4), st.integers(min_value=0, max_value=10**6)
)


def refitted(x, y, a, ridge, i):
    """Residual of sample i under the head that is fitted without it."""
    weights = a.copy()
    weights[i] = 0
    return WeightedRidge.fit(x, y, weights, ridge).head.predict(x[i : i + 1])[0] - y[i]


@given(problems)
@settings(max_examples=8)
def test_residuals_and_loss_are_those_of_n_refits(made):
    x, y, a, ridge = made
    refits = np.array([refitted(x, y, a, ridge, i) for i in range(len(x))])
    found = dataset_derivative(x, y, weights=a, ridge=ridge)
    np.testing.assert_allclose(found.residuals, refits, atol=1e-8)
    assert found.loss == pytest.approx((refits**2).sum(1).mean(), abs=1e-8)


@given(problems, st.booleans())
@settings(max_examples=8)
def test_the_gradient_is_the_finite_difference_of_the_refitted_loss(made, counted):
    x, y, a, ridge = made
    a = np.maximum(a, 0.1)
    counts = np.random.default_rng(len(x)).uniform(0, 1, len(x)) if counted else None
    found = dataset_derivative(x, y, weights=a, ridge=ridge, counts=counts)
    share = np.ones(len(x)) / len(x) if counts is None else counts / counts.sum()

    def loss(weights):
        return share @ [(refitted(x, y, weights, ridge, i) ** 2).sum() for i in range(len(x))]

    np.testing.assert_allclose(found.gradient, differences(loss, a), atol=1e-8)


@given(problems)
@settings(max_examples=8)
def test_so_is_that_of_a_validation_loss(made):
    x, y, a, ridge = made
    a = np.maximum(a, 0.1)
    held = Validation(*problem(7, x.shape[1], y.shape[1], 1)[:2])

    def loss(weights):
        head = WeightedRidge.fit(x, y, weights, ridge).head
        return ((head.predict(held.features) - held.targets) ** 2).sum(1).mean()

    found = dataset_derivative(x, y, weights=a, ridge=ridge, validation=held)
    assert found.loss == pytest.approx(loss(a), abs=1e-10)
    np.testing.assert_allclose(found.gradient, differences(loss, a), atol=1e-8)


def differences(loss, a, step=1e-3):
    """(n,) central differences, of the sixth order: their own error is far below 1e-8."""
    rows = np.eye(len(a)) * step
    sums = [(45, 1), (-9, 2), (1, 3)]
    return np.array([sum(w * (loss(a + k * row) - loss(a - k * row)) for w, k in sums) / (60 * step) for row in rows])


def test_with_equal_weights_it_is_the_leave_one_out_of_the_rest_of_the_house():
    x, y, _, _ = problem(60, 8, 3, 0)
    theirs = leave_one_out(x, y)
    ours = dataset_derivative(x, y)
    assert ours.ridge == pytest.approx(theirs.ridge)
    assert ours.loss == pytest.approx(theirs.squared_error)
    np.testing.assert_allclose(ours.residuals, theirs.residuals, atol=1e-8)


def test_a_sample_of_weight_zero_has_the_derivative_of_joining():
    x, y, _, ridge = problem(20, 4, 2, 5)
    a = np.ones(20)
    a[13] = 0
    step = 1e-5
    with_it = dataset_derivative(x, y, weights=a + step * (np.arange(20) == 13), ridge=ridge).loss
    found = dataset_derivative(x, y, weights=a, ridge=ridge)
    assert found.gradient[13] == pytest.approx((with_it - found.loss) / step, rel=1e-3)


def test_doubling_weights_and_ridge_halves_the_derivative():
    x, y, a, ridge = problem(20, 4, 2, 5)
    held = Validation(x[:5] + 1, y[:5])
    one = dataset_derivative(x, y, weights=a, ridge=ridge, validation=held)
    two = dataset_derivative(x, y, weights=2 * a, ridge=2 * ridge, validation=held)
    assert two.loss == pytest.approx(one.loss)
    np.testing.assert_allclose(2 * two.gradient, one.gradient, atol=1e-12)


def test_the_derivative_along_the_weights_themselves_is_that_along_the_ridge():
    """Scaling all weights by 1 + t is scaling the penalty by 1 / (1 + t)."""
    x, y, a, ridge = problem(20, 4, 2, 5)
    held = Validation(x[:5] + 1, y[:5])
    found = dataset_derivative(x, y, weights=a, ridge=ridge, validation=held)
    up, down = (dataset_derivative(x, y, weights=a, ridge=ridge * s, validation=held).loss for s in (1.0001, 0.9999))
    assert a @ found.gradient == pytest.approx(-(up - down) / 0.0002, rel=1e-5)


def learnable(n, d, seed):
    """Features that say something of their classes, so that the best penalty lies inside the grid."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = 1.5 * rng.normal(size=(3, d))[labels] / np.sqrt(d) + rng.normal(size=(n, d)) / np.sqrt(d)
    return x, np.eye(3)[labels], rng.uniform(0.2, 2, n)


@given(st.integers(30, 60), st.integers(3, 12), st.integers(0, 10**6), st.floats(1e-3, 1e3), st.booleans())
@settings(max_examples=20)
def test_scaling_all_weights_scales_the_tuned_penalty_and_changes_no_prediction(n, d, seed, factor, refine):
    x, y, a = learnable(n, d, seed)
    one, scaled = (best_ridge(x, y, w, np.ones(len(x)), refine=refine) for w in (a, factor * a))
    assert scaled == pytest.approx(factor * one, rel=1e-3)
    found, again = (dataset_derivative(x, y, weights=w) for w in (a, factor * a))
    np.testing.assert_allclose(again.residuals, found.residuals, atol=1e-8)
    np.testing.assert_allclose(factor * again.gradient, found.gradient, atol=1e-8)


def test_samples_that_stand_twice_are_samples_of_weight_two():
    """Errors on other samples: those of twins are not the same, each is fitted with the other."""
    x, y, _ = learnable(60, 8, 0)
    order = np.concatenate([np.arange(40), np.arange(60)])  # the last 20 stand once
    twice, counts = np.repeat([2.0, 1.0], [40, 20]), np.repeat([0.0, 1.0], [40, 20])
    weighed = best_ridge(x, y, twice, counts, refine=True)
    repeated = best_ridge(x[order], y[order], np.ones(100), np.append(np.zeros(40), counts), refine=True)
    assert weighed == pytest.approx(repeated, rel=1e-4)


def test_the_refined_penalty_has_the_smallest_error():
    x, y, a = learnable(60, 8, 0)
    counts = np.ones(60)
    found = best_ridge(x, y, a, counts, refine=True)
    loss, around = (
        [dataset_derivative(x, y, weights=a, ridge=r).loss for r in found * factors]
        for factors in (np.ones(1), np.logspace(-1, 1, 41))
    )
    assert loss[0] <= min(around) + 1e-12


def test_blocks_and_permutations_change_nothing(monkeypatch):
    x, y, a, ridge = problem(50, 6, 3, 2)
    whole = dataset_derivative(x, y, weights=a, ridge=ridge)
    monkeypatch.setattr(weighted_ridge, "BLOCK", 7)
    order = np.random.default_rng(0).permutation(50)
    parts = dataset_derivative(x[order], y[order], weights=a[order], ridge=ridge)
    np.testing.assert_allclose(parts.gradient, whole.gradient[order], atol=1e-12)
    again = best_ridge(x[order], y[order], a[order], a[order])
    assert again == pytest.approx(best_ridge(x, y, a, a))


def test_progress_is_told_of_every_row_twice():
    x, y, _, _ = problem(20, 4, 2, 5)
    heard = []

    class Ear:
        def event(self, event):
            heard.append(event)

    dataset_derivative(x, y, progress=Ear())
    assert heard[-1] == DerivativeComputed(done=40, total=40)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"features": np.ones(20)}, InvalidDataError, "expected features (n, d)"),
        ({"targets": np.ones((19, 2))}, InvalidDataError, "expected features (n, d)"),
        ({"features": np.full((20, 4), np.nan)}, InvalidDataError, "NaN"),
        ({"weights": -np.ones(20)}, InvalidOptionError, "at least 0"),
        ({"weights": np.zeros(20)}, InvalidOptionError, "some of them positive"),
        ({"weights": np.eye(20)[0]}, InvalidOptionError, "at least two"),
        ({"weights": np.ones(3)}, InvalidOptionError, "20 numbers"),
        ({"counts": np.zeros(20)}, InvalidOptionError, "counts"),
        ({"ridge": 0.0}, InvalidOptionError, "greater than 0"),
        ({"validation": Validation(np.ones((3, 5)), np.ones((3, 2)))}, InvalidDataError, "4 and 2 columns"),
    ],
)
def test_what_cannot_be_used_is_refused(change, error, said):
    x, y, _, _ = problem(20, 4, 2, 5)
    with pytest.raises(error, match=said.replace("(", r"\(").replace(")", r"\)")):
        dataset_derivative(**{"features": x, "targets": y, **change})
