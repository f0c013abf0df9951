"""Entropic potentials, sweeps and bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.clouds import labelled, stretched

from geosearch.transport.problem import Problem
from geosearch.transport.solvers.blocks import Blocks
from geosearch.transport.solvers.potentials import coarse_to_fine, cost_scale, iterate_to_convergence, sweep
from geosearch.transport.solvers.pricing import double_c_transform, northwest_corner, price, smallest_reduced_costs


def blocks(problem: Problem) -> tuple[Blocks, torch.Tensor, torch.Tensor]:
    cost = Blocks.of(*problem.factors(dtype=torch.float32), keep=True)
    return cost, *(cost.to_tensor(mass) for mass in problem.masses)


def test_one_sweep_is_one_sinkhorn_iteration():
    problem = labelled(20, 30)
    cost, a, b = blocks(problem)
    g = np.random.default_rng(0).normal(size=30)
    found, c = sweep(cost, a, b, cost.to_tensor(g), 0.7), problem.cost()
    f = -0.7 * np.log((np.exp((g - c) / 0.7) / 30).sum(1))
    after = -0.7 * np.log((np.exp((f[:, None] - c) / 0.7) / 20).sum(0))
    np.testing.assert_allclose(found.f, f, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.g, after, rtol=1e-4, atol=1e-4)


def test_spread_is_blind_to_moves_of_one_set():
    problem = labelled(20, 30)
    centred = problem.cost()
    centred = centred - centred.mean(0) - centred.mean(1, keepdims=True) + centred.mean()
    assert cost_scale(blocks(problem)[0]) == pytest.approx(np.sqrt(np.square(centred).mean()), rel=1e-4)
    moved = Problem.plain(problem.x, problem.x2 + np.float32(3))
    assert cost_scale(blocks(moved)[0]) == pytest.approx(
        cost_scale(blocks(Problem.plain(problem.x, problem.x2))[0]), rel=1e-3
    )


def test_coarse_potentials_bound_the_optimum_closely():
    problem, optimum = stretched(700, 6)
    cost, a, b = blocks(problem)
    bound, _ = double_c_transform(cost, coarse_to_fine(cost, a, b, sample=300).g)
    assert 0.95 * optimum < bound.value(a, b) <= optimum * (1 + 1e-5)


def test_settling_reaches_the_marginals():
    problem = labelled(50, 60)
    cost, a, b = blocks(problem)
    found = iterate_to_convergence(cost, a, b, torch.zeros(60), 1.0, tolerance=1e-5, max_sweeps=1000)
    plan = np.exp((found.f[:, None].numpy() + found.g.numpy() - problem.cost()) / 1.0) / (50 * 60)
    np.testing.assert_allclose(plan.sum(0), 1 / 60, atol=1e-5)
    np.testing.assert_allclose(plan.sum(1), 1 / 50, atol=1e-6)


def test_tightened_potentials_touch_every_row_and_column():
    problem = labelled(40, 25)
    cost, _, _ = blocks(problem)
    bound, rows = double_c_transform(cost, torch.randn(25, generator=torch.Generator().manual_seed(0)))
    reduced = cost.whole - bound.f[:, None] - bound.g
    assert reduced.min() > -1e-4
    assert reduced.min(0).values.max() < 1e-4
    assert reduced.min(1).values.max() < 1e-4
    assert reduced[rows, torch.arange(25)].max() < 1e-4


def test_nearest_are_the_columns_of_least_reduced_cost():
    problem = labelled(40, 25)
    cost, g = blocks(problem)[0], torch.linspace(0, 3, 25)
    expected = (problem.cost() - g.numpy()).argsort(1)[:, :4]
    np.testing.assert_array_equal(smallest_reduced_costs(cost, g, 4).sort(1).values, np.sort(expected, axis=1))


def test_pricing_finds_the_violated_pairs_and_only_those():
    problem = labelled(40, 25)
    cost, c = blocks(problem)[0], problem.cost()
    f, g = torch.full((40,), float(c.min()) + 2), torch.zeros(25)
    priced = price(cost, f, g, tolerance=0.1, count=25)
    found = np.zeros_like(c, dtype=bool)
    found[priced.pairs.rows, priced.pairs.columns] = True
    np.testing.assert_array_equal(found, c < c.min() + 1.9)
    np.testing.assert_allclose(priced.f, c.min(1), rtol=1e-5)


def test_the_corner_plan_has_the_marginals():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(20))
    rows, columns, masses = northwest_corner(a, b)
    np.testing.assert_allclose(np.bincount(rows, masses, 30), a, atol=1e-12)
    np.testing.assert_allclose(np.bincount(columns, masses, 20), b, atol=1e-12)
    assert len(rows) < 50
    assert (masses > 0).all()
