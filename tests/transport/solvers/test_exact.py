"""Growing an exact plan from few pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.clouds import cloud, labelled, stretched

from geosearch.errors import InvalidOptionError
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve, squared_wasserstein
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.tiled import Tiled

WHOLE = Exact(dense_below=10**9)
GROWN = Exact(dense_below=0)


@pytest.mark.parametrize("solver", [GROWN, Exact(dense_below=0, arcs=1), Tiled(tolerance=1e-5, dims=2, max_rounds=50)])
@pytest.mark.parametrize("shape", [(400, 400), (300, 550), (700, 40)])
def test_growth_reaches_the_float64_optimum_of_the_whole_problem(solver: Exact | Tiled, shape: tuple[int, int]):
    problem = labelled(*shape, d=20)
    whole, grown = solve(problem, WHOLE), solve(problem, solver)
    assert grown.value == pytest.approx(whole.value, rel=2e-5)
    assert grown.converged
    assert grown.lower_bound <= whole.value * (1 + 1e-6)
    assert grown.lower_bound >= grown.value * (1 - 3e-5)


def test_growth_with_uneven_masses_reaches_the_optimum():
    rng = np.random.default_rng(0)
    a, b = (rng.dirichlet(np.ones(size)) for size in (300, 200))
    problem = replace(labelled(300, 200, d=20), a=a, b=b)
    assert solve(problem, GROWN).value == pytest.approx(solve(problem, WHOLE).value, rel=2e-5)


def test_equal_sizes_give_a_permutation_either_way():
    problem, optimum = stretched(400, 8)
    for solver in (WHOLE, GROWN, Tiled(dims=4)):
        plan = solve(problem, solver)
        assert plan.permutation is not None
        assert plan.value == pytest.approx(optimum, rel=0.01)


def test_potentials_are_feasible_and_tight_on_the_plan():
    problem = labelled(300, 300, d=20)
    plan = solve(problem, Exact(dense_below=0, tolerance=0))
    f, g = plan.potentials
    reduced = problem.cost() - f[:, None] - g
    assert reduced.min() > -1e-4
    entries = plan.coupling.tocoo()
    assert np.average(reduced[entries.row, entries.col], weights=entries.data) < 1e-3


def test_a_plan_that_is_stopped_early_says_what_is_proven():
    problem = labelled(400, 400, d=20)
    plan = solve(problem, Exact(dense_below=0, arcs=1, max_rounds=1))
    assert not plan.converged
    assert "raise max_rounds" in plan.message
    assert plan.lower_bound < solve(problem, WHOLE).value < plan.value


def test_repeated_points_and_a_set_against_itself():
    x = np.repeat(cloud(50, 4), 8, axis=0)
    plan = solve(Problem.plain(x, x[::-1].copy()), GROWN)
    assert plan.value == 0
    assert plan.converged


def test_exact_value_of_sorted_numbers_is_that_of_the_quantiles():
    rng = np.random.default_rng(0)
    x, x2 = rng.normal(size=500).astype(np.float32), rng.gamma(2, size=500).astype(np.float32)
    expected = np.square(np.sort(x).astype(float) - np.sort(x2)).mean()
    assert squared_wasserstein(x[:, None], x2[:, None]) == pytest.approx(expected, rel=1e-4)


def test_options_out_of_range_are_refused():
    for wrong in (
        lambda: Exact(arcs=0),
        lambda: Tiled(max_rounds=0),
        lambda: Tiled(dims=0),
        lambda: Exact(tolerance=-1),
    ):
        with pytest.raises(InvalidOptionError, match="needs"):
            wrong()
