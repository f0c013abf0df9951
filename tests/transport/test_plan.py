"""What a plan carries over."""

from __future__ import annotations

import numpy as np
from generators.clouds import cloud, labelled, stretched

from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.sinkhorn import Sinkhorn


def test_a_permutation_only_reorders_so_nothing_is_blurred():
    problem, _ = stretched(50)
    plan = solve(problem)
    assert plan.permutation is not None
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    np.testing.assert_array_equal(plan.project(images), images[plan.permutation])
    assert sorted(plan.permutation) == list(range(50))


def test_projection_is_the_plan_weighted_mean_of_each_row():
    problem = labelled(12, 18)
    plan = solve(problem)
    assert plan.permutation is None
    dense = plan.coupling.toarray()
    expected = (dense / dense.sum(1, keepdims=True)) @ problem.x2
    np.testing.assert_allclose(plan.project(problem.x2), expected, rtol=1e-5, atol=1e-6)
    assert plan.project(np.ones((18, 2, 3))).shape == (12, 2, 3)


def test_projected_labels_are_distributions_that_keep_the_class_shares():
    problem = labelled(12, 18)
    soft = solve(problem).project(np.eye(4, dtype=np.float32)[problem.y2])
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(soft.mean(0), np.bincount(problem.y2, minlength=4) / 18, rtol=1e-6)


def test_rows_without_mass_are_projected_to_zero():
    a = np.array([0.5, 0.0, 0.5])
    plan = solve(Problem.plain(cloud(3), cloud(4, seed=1), a=a))
    assert not plan.project(np.ones((4, 2)))[1].any()


def test_an_entropic_plan_blurs_and_costs_more():
    problem, optimum = stretched(50)
    plan = solve(problem, Sinkhorn(regularization=0.3))
    assert plan.value > optimum
    assert plan.project(problem.x2).var() < problem.x2.var()


def test_a_coupling_of_any_origin_can_be_priced():
    problem = labelled(10, 10)
    identity = solve(Problem.plain(problem.x, problem.x)).coupling
    plan = Plan.of(problem, identity, converged=True, message="the identity")
    assert plan.value == np.diag(problem.cost()).mean() or abs(plan.value - np.diag(problem.cost()).mean()) < 1e-5
