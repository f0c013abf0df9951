"""The certificate of a plan: proven bound <= optimum <= value, also where float32 costs have no digits left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import ot
import pytest

from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.sinkhorn import Sinkhorn
from geosearch.transport.solvers.tiled import Tiled

SOLVERS: dict[str, Solver] = {
    "whole": Exact(dense_below=10**9),
    "grown": Exact(dense_below=0),
    "grown-few-arcs": Exact(dense_below=0, arcs=1, max_rounds=100),
    "stopped-early": Exact(dense_below=0, arcs=1, max_rounds=1),
    "tiled": Tiled(dims=2),
    "tiled-tight": Tiled(tolerance=1e-6, dims=2, max_rounds=100),
    "sinkhorn": Sinkhorn(),
    "sinkhorn-sharp": Sinkhorn(regularization=1e-3, max_iterations=200),
}


def clusters(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x[: len(x) // 2] += 1e4
    return x


def outlier(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x[0] += 1e4
    return x


def far_outlier(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x[-1] += 1e6
    return x


def offset(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + 1e4


def cauchy(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x * (rng.normal(size=(len(x), 1)) / rng.normal(size=(len(x), 1)))


def student(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x / np.sqrt(rng.chisquare(1.5, size=(len(x), 1)) / 1.5)


def tiny_and_huge(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x[: len(x) // 3] *= 1e-3
    x[-len(x) // 3 :] *= 1e3
    return x


SHAPES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    f.__name__: f for f in (clusters, outlier, far_outlier, offset, cauchy, student, tiny_and_huge)
}


def sample(shape: str, n: int, p: int, *, seed: int = 0) -> Problem:
    rng = np.random.default_rng(seed)
    x, x2 = (SHAPES[shape](rng.normal(size=(size, 8)), rng).astype(np.float32) for size in (n, p))
    return Problem.plain(x, x2)


def optimum(problem: Problem) -> float:
    """By POT in float64, from costs without cancellation."""
    gaps = np.asarray(problem.x, np.float64)[:, None] - np.asarray(problem.x2, np.float64)
    cost = problem.feature_weight * np.square(gaps).sum(2)
    if problem.table is not None:
        cost += problem.label_weight * problem.table[problem.y][:, problem.y2]
    plan = ot.emd(*problem.masses, cost, numItermax=10**7)
    return float((plan * cost).sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimum_lies_between_the_bound_and_the_value(shape: str, solver: str):
    problem = sample(shape, 240, 240)
    known, plan = optimum(problem), solve(problem, SOLVERS[solver])
    digits = 1e-15 * float(problem.cost().max())  # those of the reference, whose simplex compares costs of this size
    assert plan.lower_bound <= known + 1e-12 * known
    assert plan.value >= known - 1e-12 * known - digits


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("solver", ["whole", "grown", "grown-few-arcs", "tiled-tight"])
@pytest.mark.parametrize("sizes", [(240, 240), (200, 330)])
def test_an_exact_plan_is_the_optimum_or_says_that_it_is_not(shape: str, solver: str, sizes: tuple[int, int]):
    problem = sample(shape, *sizes, seed=1)
    known, plan = optimum(problem), solve(problem, SOLVERS[solver])
    if shape == "far_outlier" and not plan.converged:  # costs of 1e13 leave the simplex itself no digits
        assert "not as close as asked" in plan.message
        return
    assert plan.converged, plan.message
    assert plan.value <= known * (1 + 2e-5)
    assert plan.lower_bound >= known * (1 - 2e-5)


@pytest.mark.parametrize("solver", ["whole", "grown", "tiled-tight", "sinkhorn"])
def test_masses_and_labels_take_part_in_the_certificate(solver: str):
    rng = np.random.default_rng(2)
    plain = sample("clusters", 200, 150)
    problem = replace(
        plain,
        y=rng.integers(0, 3, 200),
        y2=rng.integers(0, 4, 150),
        table=rng.uniform(0, 5, (3, 4)),
        feature_weight=0.5,
        label_weight=2.0,
        a=rng.dirichlet(np.full(200, 0.1)),
        b=rng.dirichlet(np.full(150, 0.1)),
    )
    known, plan = optimum(problem), solve(problem, SOLVERS[solver])
    assert plan.lower_bound <= known * (1 + 1e-12)
    assert plan.value >= known * (1 - 1e-9)


def test_a_plan_that_float64_cannot_prove_says_so():
    rng = np.random.default_rng(3)
    x, x2 = rng.normal(size=(2, 120, 8))
    x[:60] += 1e9
    x2[:60] += 1e9
    for solver in (Exact(), Exact(dense_below=0)):
        plan = solve(Problem.plain(x, x2), solver)
        assert plan.lower_bound <= plan.value
        assert plan.converged or "not as close as asked" in plan.message
        assert not plan.converged or plan.value <= plan.lower_bound * (1 + 2e-5)
