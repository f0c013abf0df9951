"""Limits: the projection is the nearest allowed point, allowed points stay, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from geosearch.errors import InvalidOptionError
from geosearch.mixture.constraints import Limits
from geosearch.mixture.weights import Weights

FREE = (0.0,) * 4
OPEN = (1.0,) * 4
CASES = [
    Limits(FREE, OPEN),
    Limits((0.1, 0.0, 0.0, 0.2), OPEN),
    Limits(FREE, (0.3, 0.4, 1.0, 0.1)),
    Limits((0.05, 0.0, 0.0, 0.0), (1.0, 0.5, 0.5, 1.0), (((0, 1), 0.3), ((2, 3), 0.9))),
    Limits(FREE, OPEN, (), 2),
    Limits((0.0, 0.1, 0.0, 0.0), (0.6, 1.0, 0.5, 0.6), (((0, 3), 0.6),), 2),
    Limits(FREE, (0.25,) * 4),
]


def simplex(seed: int, m: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(m, 0.5))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CASES), st.integers(0, 10_000))
def test_what_comes_out_keeps_to_the_limits_and_stays_where_it_is(limits: Limits, seed: int) -> None:
    found = limits.nearest(simplex(seed))
    weights = Weights.of(found)
    assert limits.allows(weights)
    np.testing.assert_allclose(limits.nearest(weights.array), weights.array, atol=1e-8)


@pytest.mark.parametrize("limits", [case for case in CASES if case.most is None])
def test_no_allowed_point_is_nearer(limits: Limits) -> None:
    for seed in range(5):
        values = simplex(seed)
        found = limits.nearest(values)
        constraints = [{"type": "eq", "fun": lambda a: a.sum() - 1}]
        constraints += [
            {"type": "ineq", "fun": lambda a, rows=list(members), cap=cap: cap - a[rows].sum()}
            for members, cap in limits.groups
        ]
        by_hand = minimize(
            lambda a, v=values: ((a - v) ** 2).sum(),
            found,
            bounds=list(zip(limits.floors, limits.caps, strict=True)),
            constraints=constraints,
            options={"ftol": 1e-14},
        )
        assert ((found - values) ** 2).sum() <= by_hand.fun + 1e-7


def test_without_limits_nothing_moves() -> None:
    values = simplex(3)
    np.testing.assert_allclose(CASES[0].nearest(values), values, atol=1e-12)


def test_of_more_sources_than_allowed_the_heaviest_stay_and_the_others_are_exactly_zero() -> None:
    found = CASES[4].nearest(np.array([0.1, 0.4, 0.2, 0.3]))
    assert found[[0, 2]].tolist() == [0, 0]
    np.testing.assert_allclose(found[[1, 3]], [0.55, 0.45])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0.6, 0.6), (1.0, 1.0)), "no mixture satisfies the limits"),
        (((0.0, 0.0), (0.3, 0.3)), "no mixture satisfies the limits"),
        (((0.5, 0.0), (0.4, 1.0)), "floor <= cap"),
        (((0.0, -0.1), (1.0, 1.0)), "floor <= cap"),
        (((0.1, 0.1), (1.0, 1.0), (), 1), "floors of more sources"),
        (((0.0, 0.0), (1.0, 1.0), (((0, 1), 0.5),)), "no mixture satisfies the limits"),
        (((0.0, 0.0), (1.0, 1.0), (((0,), 0.5), ((0, 1), 0.9))), "one group"),
        (((0.3, 0.0), (1.0, 1.0), (((0,), 0.2),)), "no mixture satisfies the limits"),
    ],
)
def test_limits_that_nothing_can_keep_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        Limits(*arguments)
