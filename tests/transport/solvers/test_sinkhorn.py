"""The entropic plan."""

from __future__ import annotations

import numpy as np
import pytest
from generators.clouds import cloud, labelled, stretched

from geosearch.errors import InvalidDataError, InvalidOptionError
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.sinkhorn import Sinkhorn


def test_less_regularization_comes_closer_to_the_optimum_from_both_sides():
    problem, optimum = stretched(200)
    plans = [solve(problem, Sinkhorn(regularization=share, max_iterations=5000)) for share in (0.3, 0.1, 0.03)]
    values, bounds = [plan.value for plan in plans], [plan.lower_bound for plan in plans]
    assert values == sorted(values, reverse=True)
    assert bounds == sorted(bounds)
    assert bounds[-1] <= optimum <= values[-1] <= 1.03 * optimum


def test_the_potentials_are_those_of_the_entropic_plan():
    problem = labelled(40, 50)
    plan = solve(problem, Sinkhorn(regularization=0.1, tolerance=1e-5, max_iterations=5000, cutoff=0))
    f, g = plan.potentials
    density = np.exp((f[:, None] + g - problem.cost()) / plan.epsilon) / (40 * 50)
    np.testing.assert_allclose(density, plan.coupling.toarray(), atol=3e-6)


def test_the_divergence_is_positive_symmetric_and_near_the_distance():
    problem, optimum = stretched(150)
    solver = Sinkhorn(regularization=0.05, debiased=True, max_iterations=3000)
    there = solve(problem, solver).divergence
    back = solve(Problem.plain(problem.x2, problem.x), solver).divergence
    assert there == pytest.approx(back, rel=1e-2)
    assert there == pytest.approx(optimum, rel=0.05)


def test_with_labels_the_divergence_needs_label_vectors():
    problem = labelled(40, 50)
    assert solve(problem, Sinkhorn(debiased=True)).divergence > 0
    bare = Problem(problem.x, problem.y, problem.x2, problem.y2, problem.table)
    with pytest.raises(InvalidDataError, match="no label vectors"):
        solve(bare, Sinkhorn(debiased=True))


def test_too_few_iterations_are_confessed_and_the_marginals_still_hold():
    problem, _ = stretched(200)
    plan = solve(problem, Sinkhorn(regularization=0.02, max_iterations=2, tolerance=1e-7))
    assert not plan.converged
    assert "raise regularization or max_iterations" in plan.message
    np.testing.assert_allclose(plan.coupling.sum(axis=0), 1 / 200, rtol=1e-9)


def test_identical_points_have_no_spread_and_no_trouble():
    x = np.ones((30, 4), np.float32)
    assert solve(Problem.plain(x, x), Sinkhorn()).value == 0


def test_far_outliers_do_not_overflow():
    x, x2 = cloud(60), cloud(60, seed=1)
    x2[0] += 1000
    entropic, exact = (solve(Problem.plain(x, x2), solver) for solver in (Sinkhorn(regularization=0.01), Exact()))
    assert entropic.value == pytest.approx(exact.value, rel=0.05)


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidOptionError, match="use Exact"):
        Sinkhorn(regularization=0)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_scale_of_the_features_does_not_matter(scale):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 5)), rng.normal(size=(90, 5)) + 0.5
    small = solve(Problem.plain((x * scale).astype(np.float32), (y * scale).astype(np.float32)), Sinkhorn())
    plain = solve(Problem.plain(x.astype(np.float32), y.astype(np.float32)), Sinkhorn())
    assert small.value == pytest.approx(plain.value * scale**2, rel=1e-3)


def test_masses_next_to_nothing_take_no_part():
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(30, 4)).astype(np.float32) for _ in range(2))
    a = np.full(30, 1 / 28)
    a[:2] = 1e-60
    labels = np.zeros(30, np.int64)
    plan = solve(Problem(x, labels, y, labels, None, 1.0, 1.0, a, None), Sinkhorn())
    assert plan.converged
    assert np.isfinite(plan.lower_bound)
    assert plan.coupling[[0, 1]].sum() == 0


def test_a_regularization_below_the_rounding_of_float32_is_solved_in_float64():
    """Two clusters 1e4 apart, blurred by less than a cluster is wide: float32 has no digits of the costs within one."""
    x, x2 = cloud(60), cloud(60, seed=1)
    x[:30] += 1e4
    x2[:30] += 1e4
    problem = Problem.plain(x, x2)
    sharp, exact = solve(problem, Sinkhorn(regularization=1e-9, max_iterations=3000)), solve(problem, Exact())
    assert sharp.lower_bound <= exact.value <= sharp.value
    assert sharp.value == pytest.approx(exact.value, rel=0.05)
    assert sharp.lower_bound == pytest.approx(exact.value, rel=0.1)
