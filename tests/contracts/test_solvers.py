"""The contract of solvers: whatever the way, the same laws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from generators.clouds import brute_force, cloud, labelled, stretched

from geosearch.errors import InvalidDataError, TooLargeError
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.base import Solver
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.minibatch import Minibatch
from geosearch.transport.solvers.sinkhorn import Sinkhorn
from geosearch.transport.solvers.tiled import Tiled


@dataclass(frozen=True)
class Case:
    """A solver and how far above the optimum its plan may cost, as a share of the value."""

    name: str
    solver: Solver
    slack: float


CASES = [
    Case("exact", Exact(), 1e-5),
    Case("grown", Exact(dense_below=0, arcs=4), 2e-5),
    Case("tiled", Tiled(dims=3, arcs=4), 0.0101),
    Case("sinkhorn", Sinkhorn(regularization=0.02, max_iterations=2000), 0.02),
    Case("minibatch", Minibatch(size=10_000), 1e-5),
    Case("minibatches", Minibatch(size=25, repeats=2), 2.0),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def uneven(n: int, seed: int) -> np.ndarray:
    masses = np.random.default_rng(seed).uniform(0.2, 1, n)
    return masses / masses.sum()


def assert_near_optimal(value: float, optimum: float, case: Case) -> None:
    assert optimum * (1 - 1e-5) <= value <= optimum * (1 + case.slack) + 1e-6


@pytest.mark.parametrize("far", [0, 1000])
def test_single_and_double_precision_agree(case: Case, far: int):
    """Also where the clouds lie far from the origin, which single precision could not bear uncentred."""
    problem = labelled(120, 120)
    x, x2 = (np.asarray(rows, np.float32).astype(np.float64) + far for rows in (problem.x, problem.x2))
    double = solve(replace(problem, x=x, x2=x2), case.solver)
    single = solve(replace(problem, x=x.astype(np.float32), x2=x2.astype(np.float32)), case.solver)
    rounding = 2e-6 if not far else 2e-3  # of the features themselves, once they are far away
    assert single.value == pytest.approx(double.value, rel=rounding + (2 * case.slack if "tiled" in case.name else 0))
    assert single.parts.labels == pytest.approx(double.parts.labels, rel=0.05)


def test_agrees_with_brute_force_on_six_points(case: Case):
    for seed in range(3):
        problem = labelled(6, 6, seed=seed)
        assert_near_optimal(solve(problem, case.solver).value, brute_force(problem), case)


def test_agrees_with_the_closed_form_of_a_linear_map(case: Case):
    problem, optimum = stretched(120)
    plan = solve(problem, case.solver)
    assert_near_optimal(plan.value, optimum, case)
    assert plan.lower_bound is None or plan.lower_bound <= optimum * (1 + 1e-5)
    assert plan.converged


@pytest.mark.parametrize("masses", ["uniform", "uneven"])
def test_marginals_are_kept(case: Case, masses: str):
    problem = labelled(60, 85)
    if masses == "uneven":
        problem = replace(problem, a=uneven(60, 1), b=uneven(85, 2))
    plan = solve(problem, case.solver)
    a, b = problem.masses
    np.testing.assert_allclose(plan.row_masses, a, atol=1e-9)
    np.testing.assert_allclose(plan.coupling.sum(axis=0), b, atol=1e-9)
    assert plan.coupling.data.min() > 0


def test_the_value_is_the_true_cost_of_the_plan(case: Case):
    problem = labelled(50, 70)
    plan = solve(problem, case.solver)
    assert plan.value == pytest.approx(float((plan.coupling.toarray() * problem.cost()).sum()), rel=1e-9)
    assert plan.parts.features + plan.parts.labels == pytest.approx(plan.value)


def test_is_symmetric(case: Case):
    problem = labelled(60, 60)
    swapped = replace(
        problem, x=problem.x2, y=problem.y2, x2=problem.x, y2=problem.y, table=problem.table.T, vectors=None
    )
    one, other = solve(problem, case.solver).value, solve(swapped, case.solver).value
    assert one == pytest.approx(other, rel=max(case.slack, 1e-6))


def test_the_order_of_the_rows_does_not_matter(case: Case):
    problem, rng = labelled(60, 60), np.random.default_rng(0)
    i, j = rng.permutation(60), rng.permutation(60)
    one, other = solve(problem, case.solver).value, solve(problem.restrict(i, j), case.solver).value
    assert one == pytest.approx(other, rel=max(case.slack, 1e-6))


def test_moving_both_sets_changes_nothing_and_moving_one_adds_what_it_must(case: Case):
    problem, _ = stretched(80)
    move = np.array([30, -10, 5, 0, 2], np.float32)
    both = solve(replace(problem, x=problem.x + move, x2=problem.x2 + move), case.solver).value
    one = solve(replace(problem, x2=problem.x2 + move), case.solver).value
    still = solve(problem, case.solver).value
    extra = float(move @ move + 2 * move @ (problem.x2.mean(0) - problem.x.mean(0)))
    assert both == pytest.approx(still, rel=max(case.slack, 1e-4))
    assert one - extra == pytest.approx(still, rel=max(case.slack, 1e-3))


def test_a_set_is_at_distance_zero_from_itself(case: Case):
    problem = labelled(60, 60)
    table = np.zeros((3, 3))
    itself = replace(problem, x2=problem.x, y2=problem.y, table=table, vectors=None)
    plan = solve(itself, case.solver)
    if isinstance(case.solver, Sinkhorn):
        plain = solve(Problem.plain(problem.x, problem.x), replace(case.solver, debiased=True))
        assert plain.divergence == pytest.approx(0, abs=1e-3 * plain.epsilon)
    elif case.name != "minibatches":
        assert plan.value == pytest.approx(0, abs=1e-12)


def test_copes_with_one_point_on_a_side(case: Case):
    x, x2 = cloud(1), cloud(40, seed=3)
    expected = float(np.square(x2.astype(float) - x.astype(float)).sum(1).mean())
    assert solve(Problem.plain(x, x2), case.solver).value == pytest.approx(expected, rel=1e-6)
    assert solve(Problem.plain(x2, x), case.solver).value == pytest.approx(expected, rel=1e-6)


def test_points_without_mass_take_no_part(case: Case):
    problem, b = labelled(40, 50), uneven(50, 4)
    b[::5] = 0
    b /= b.sum()
    kept = np.flatnonzero(b)
    plan = solve(replace(problem, b=b), case.solver)
    assert not plan.coupling.sum(axis=0)[::5].any()
    fewer = solve(problem.restrict(np.arange(40), kept, None, b[kept]), case.solver)
    assert plan.value == pytest.approx(fewer.value, rel=1e-9)


def test_a_warm_start_changes_the_time_only(case: Case):
    problem = labelled(90, 90)
    plan = solve(problem, case.solver)
    if plan.potentials is not None:
        again = solve(problem, case.solver, start=plan.potentials[1])
        assert again.value == pytest.approx(plan.value, rel=max(case.slack, 1e-5))


def test_torch_features_give_the_same_plan(case: Case):
    import torch

    problem = labelled(60, 60)
    tensors = replace(problem, x=torch.from_numpy(problem.x), x2=torch.from_numpy(problem.x2))
    assert (solve(tensors, case.solver).coupling != solve(problem, case.solver).coupling).nnz == 0


def test_refuses_what_would_not_fit_before_it_allocates(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "0.0001")
    with pytest.raises(TooLargeError, match=r"the limit is 0\.1 MiB; use samples="):
        solve(labelled(600, 600), case.solver)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((0, 5), np.float32), "y": np.zeros(0, int)}, "at least one row"),
        ({"x": np.full((6, 5), np.nan, np.float32)}, "NaN or infinite"),
        ({"x": np.zeros((6, 4), np.float32)}, "encode both sets with one embedding"),
        ({"y": np.zeros(5, int)}, "expected 6 and 6 labels"),
        ({"y": np.full(6, 3)}, "the label table is 3 x 4"),
        ({"table": np.full((3, 4), np.nan)}, "no value for a class that has rows"),
        ({"a": np.full(6, 0.5)}, "sum to one"),
    ],
)
def test_bad_problems_are_named(change: dict, message: str):
    with pytest.raises(InvalidDataError, match=message):
        solve(replace(labelled(6, 6), **change))
