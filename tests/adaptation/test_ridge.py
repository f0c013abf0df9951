"""The closed form is exactly what refitting without each sample would give."""

import numpy as np
import pytest

from geosearch.adaptation.ridge import RIDGE_GRID, leave_one_out, one_hot, ridge_fit


def problem(n, d, c, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3.0, rng.dirichlet(np.ones(c), size=n)


@pytest.mark.parametrize(("n", "d", "c"), [(12, 30, 4), (40, 5, 3), (9, 9, 2)])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 1e3])
def test_residuals_equal_those_of_n_refits(n, d, c, ridge):
    x, y = problem(n, d, c)
    refits = np.array(
        [ridge_fit(np.delete(x, i, 0), np.delete(y, i, 0), ridge).predict(x[i : i + 1])[0] - y[i] for i in range(n)]
    )
    result = leave_one_out(x, y, ridge)
    np.testing.assert_allclose(result.residuals, refits, atol=1e-8)
    assert result.squared_error == pytest.approx((refits**2).sum(1).mean(), abs=1e-8)
    assert result.top1_error == np.mean((y + refits).argmax(1) != y.argmax(1))


def test_ridge_fit_solves_the_penalised_problem_with_a_free_intercept():
    x, y = problem(15, 6, 3)
    fit = ridge_fit(x, y, 0.7)
    residuals = fit.predict(x) - y
    np.testing.assert_allclose(x.T @ residuals + 0.7 * fit.weight, 0, atol=1e-9)
    np.testing.assert_allclose(residuals.sum(0), 0, atol=1e-9)


def test_the_chosen_ridge_is_the_best_of_the_grid():
    x, y = problem(20, 8, 3)
    scale = ((x - x.mean(0)) ** 2).sum(1).mean()
    errors = [leave_one_out(x, y, r * scale).squared_error for r in RIDGE_GRID]
    chosen = leave_one_out(x, y)
    assert chosen.squared_error == pytest.approx(min(errors))
    assert chosen.ridge == pytest.approx(RIDGE_GRID[np.argmin(errors)] * scale)


def test_shift_rotation_and_scale_of_the_features_change_nothing():
    x, y = problem(20, 8, 3)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    np.testing.assert_allclose(
        leave_one_out(x, y).residuals, leave_one_out(5 * x @ rotation - 100, y).residuals, atol=1e-7
    )


def test_permuting_samples_permutes_residuals():
    x, y = problem(20, 8, 3)
    order = np.random.default_rng(1).permutation(20)
    np.testing.assert_allclose(leave_one_out(x[order], y[order]).residuals, leave_one_out(x, y).residuals[order])


def test_features_that_say_nothing_leave_the_mean_of_the_others():
    y = one_hot(np.repeat(np.arange(4), 5), 4)
    result = leave_one_out(np.ones((20, 6)), y)
    np.testing.assert_allclose(y + result.residuals, (5 - y) / 19, atol=1e-12)
    assert result.top1_error == 1.0


def test_a_label_that_the_features_carry_is_found():
    labels = np.repeat(np.arange(4), 5)
    noise = np.random.default_rng(0).normal(size=(20, 4)) * 0.05
    result = leave_one_out(one_hot(labels, 4) + noise, one_hot(labels, 4))
    assert result.top1_error == 0
    assert result.squared_error < 0.05
