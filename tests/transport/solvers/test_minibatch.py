"""Averaged small plans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.clouds import labelled, stretched

from geosearch.errors import InvalidOptionError
from geosearch.transport.solution import solve
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.minibatch import Minibatch


def test_larger_batches_come_closer_to_the_optimum_from_above():
    problem, optimum = stretched(240)
    values = [solve(problem, Minibatch(size=size)).value for size in (20, 80, 240)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(optimum, rel=1e-5)


def test_one_cut_of_equal_sets_is_a_permutation_and_several_are_their_mean():
    problem, _ = stretched(100)
    assert solve(problem, Minibatch(size=25)).permutation is not None
    mean = solve(problem, Minibatch(size=25, repeats=3))
    assert 1 < mean.coupling.nnz / 100 <= 3


def test_it_is_the_same_for_the_same_seed_only():
    problem, _ = stretched(100)
    one, same, other = (solve(problem, Minibatch(size=25, seed=seed)).coupling for seed in (1, 1, 2))
    assert (one != same).nnz == 0
    assert (one != other).nnz > 0


@pytest.mark.parametrize("shape", [(100, 37), (37, 100), (101, 101)])
def test_points_are_split_where_the_cuts_fall(shape: tuple[int, int]):
    rng = np.random.default_rng(0)
    problem = replace(labelled(*shape), a=rng.dirichlet(np.ones(shape[0])))
    plan = solve(problem, Minibatch(size=10))
    np.testing.assert_allclose(plan.row_masses, problem.masses[0], atol=1e-9)
    np.testing.assert_allclose(plan.coupling.sum(axis=0), problem.masses[1], atol=1e-9)
    assert plan.value >= solve(problem, Exact()).value


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidOptionError, match="size >= 1"):
        Minibatch(size=0)


def test_batches_that_were_not_solved_are_confessed(monkeypatch: pytest.MonkeyPatch):
    early = Exact(dense_below=0, arcs=1, max_rounds=1)
    monkeypatch.setattr("geosearch.transport.solvers.minibatch.Exact", lambda: early)
    plan = solve(labelled(400, 400, d=20), Minibatch(size=200))
    assert not plan.converged
    assert "2 of them are not as close" in plan.message
