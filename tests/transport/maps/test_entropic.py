"""Entropic maps: a softmax over the source, smooth in the image, sharp as epsilon falls."""

from __future__ import annotations

import numpy as np
import pytest
from generators.clouds import cloud
from generators.maps import pair_of

from geosearch.transport.maps.entropic import Entropic, conditional_plan
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.sinkhorn import Sinkhorn


def test_on_its_own_rows_it_is_the_plan():
    x, x2 = cloud(60), cloud(60, seed=1)
    problem = Problem.plain(x, x2)
    plan = solve(problem, Sinkhorn(tolerance=1e-6, max_iterations=5000, cutoff=0))
    shares = conditional_plan(problem, plan.potentials[1], plan.epsilon)
    np.testing.assert_allclose(shares, plan.coupling.toarray() * 60, atol=2e-3)


def test_at_epsilon_zero_each_row_takes_a_column_of_least_reduced_cost():
    x, x2 = cloud(200), cloud(200, seed=1)
    problem = Problem.plain(x, x2)
    plan = solve(problem)
    g = plan.potentials[1]
    shares = conditional_plan(problem, g, 0.0)
    reduced = problem.cost() - g
    np.testing.assert_allclose(reduced[np.arange(200), shares.argmax(1)], reduced.min(1), atol=1e-4)
    np.testing.assert_allclose(reduced[np.arange(200), plan.permutation], reduced.min(1), atol=1e-4)


def test_columns_without_a_potential_take_no_part():
    g = np.array([np.nan, 0.0, 0.0])
    for epsilon in (0.0, 0.3):
        shares = conditional_plan(Problem.plain(cloud(5), cloud(3, seed=2)), g, epsilon)
        assert not shares[:, 0].any()
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("regularization", [0.05, 0.5])
def test_more_regularization_is_more_blur(cache, regularization):
    pair = pair_of(per_class=12)
    sharp, soft = (
        Entropic(Sinkhorn(regularization=r)).fit(pair, seed=0, cache=cache) for r in (0.02, regularization + 0.1)
    )
    images, labels = pair.reference.images, pair.reference.labels
    assert soft(images, labels).images.std(0).mean() < sharp(images, labels).images.std(0).mean()
