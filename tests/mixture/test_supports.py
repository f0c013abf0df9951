"""Supports: the set is the heaviest of all feasible ones, and is found at a hundred sources."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.errors import InvalidOptionError
from geosearch.mixture import supports
from geosearch.mixture.constraints import Limits
from geosearch.mixture.supports import Supports

CAPS = (1.0, 0.5, 0.25, 0.1)


@st.composite
def problems(draw) -> Supports:
    """Bounds of up to seven sources, many of them equal, some feasible and some not."""
    m = draw(st.integers(1, 7))
    caps = tuple(draw(st.sampled_from(CAPS)) for _ in range(m))
    floors = tuple(min(draw(st.sampled_from((0.0, 0.0, 0.0, 0.05))), cap) for cap in caps)
    order = draw(st.permutations(range(m)))
    parts = [tuple(sorted(order[:2])), tuple(sorted(order[2:5]))][: draw(st.integers(0, 2))]
    groups = tuple((part, draw(st.sampled_from((0.2, 0.5, 0.75)))) for part in parts if part)
    most = draw(st.integers(max(1, sum(low > 0 for low in floors)), m))
    return Supports(floors, caps, groups, most)


def feasible_sets(given: Supports) -> list[tuple[int, ...]]:
    """All feasible sets, by trying every one."""
    needed = {i for i, low in enumerate(given.floors) if low > 0}
    if sum(given.floors) > 1 or any(sum(given.floors[i] for i in part) > cap for part, cap in given.groups):
        return []

    def room(chosen: set[int]) -> float:
        grouped = {i for part, _ in given.groups for i in part}
        inside = sum(min(cap, sum(given.caps[i] for i in chosen & set(part))) for part, cap in given.groups)
        return inside + sum(given.caps[i] for i in chosen - grouped)

    sets = combinations(range(len(given.caps)), given.most)
    return [one for one in sets if needed <= set(one) and room(set(one)) >= 1 - 1e-8]


@pytest.mark.parametrize("listed", [supports._MOST_COUNTS, 0])
@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(0, 10**6))
def test_it_is_the_heaviest_feasible_set(listed: int, problem: Supports, seed: int) -> None:
    """By listing the divisions among kinds, and by the integer program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supports, "_MOST_COUNTS", listed)
        every = feasible_sets(problem)
        assert problem.is_feasible == bool(every)
        if every:
            values = np.random.default_rng(seed).dirichlet(np.full(len(problem.caps), 0.5), size=4)
            found = problem.heaviest(values)
            for row, taken in zip(values, found, strict=True):
                assert tuple(np.flatnonzero(taken)) in every
                assert row[taken].sum() == pytest.approx(max(row[list(one)].sum() for one in every), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 7), st.integers(1, 4), st.sampled_from((1.0, 0.6, 0.35)), st.booleans(), st.integers(0, 10**6))
def test_with_equal_caps_no_set_has_a_nearer_mixture(m: int, most: int, cap: float, floor: bool, seed: int) -> None:
    most = min(most, m)
    if most * cap < 1:
        return
    values = np.random.default_rng(seed).dirichlet(np.full(m, 0.5))
    floors = (0.1 if floor else 0.0,) + (0.0,) * (m - 1)
    found = Limits(floors, (cap,) * m, (), most).nearest(values)
    sets = [one for one in combinations(range(m), most) if not floor or 0 in one]
    others = [Limits(floors, tuple(cap if i in one else 0.0 for i in range(m))).nearest(values) for one in sets]
    assert ((found - values) ** 2).sum() <= min(((other - values) ** 2).sum() for other in others) + 1e-9
    assert np.count_nonzero(found) <= most


def fonts(m: int, most: int, caps: tuple[float, ...]) -> Limits:
    """Five groups of sources, at most a quarter of a mixture each; a sixth of the sources in no group."""
    parts = np.array_split(np.arange(m), 6)[:5]
    return Limits((0.0,) * m, caps, tuple((tuple(map(int, part)), 0.25) for part in parts), most)


@pytest.mark.parametrize(("m", "most"), [(24, 8), (100, 8), (100, 3), (400, 8)])
def test_a_hundred_sources_take_no_time(m: int, most: int) -> None:
    """Trying all sets, 24 sources took hours."""
    values = np.random.default_rng(0).dirichlet(np.full(m, 0.1), size=1000)
    for limits in (Limits((0.0,) * m, (0.5,) * m, (), most), fonts(m, most, (1.0,) * m)):
        begun = time.perf_counter()
        found = limits.nearest(values)
        assert time.perf_counter() - begun < 5
        assert (np.count_nonzero(found, axis=1) <= most).all()


@pytest.mark.parametrize("m", [24, 100])
def test_nor_do_caps_that_all_differ(m: int) -> None:
    caps = tuple(np.random.default_rng(1).uniform(0.05, 0.3, m))
    begun = time.perf_counter()
    limits = fonts(m, 8, caps)
    found = limits.nearest(np.random.default_rng(0).dirichlet(np.full(m, 0.1), size=20))
    assert time.perf_counter() - begun < 10
    assert (found <= np.array(caps) + 1e-8).all()


def test_what_no_set_can_keep_is_refused_at_once() -> None:
    begun = time.perf_counter()
    with pytest.raises(InvalidOptionError, match="no mixture satisfies the limits"):
        Limits((0.0,) * 100, tuple(np.linspace(0.01, 0.12, 100)), (), 8)
    assert time.perf_counter() - begun < 5
