"""The limit on estimated memory."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.errors import InvalidOptionError, TooLargeError
from geosearch.runtime import memory
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.exact import Exact
from geosearch.transport.solvers.tiled import Tiled


def test_the_limit_comes_from_the_environment_or_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "1.5")
    assert memory.limit_bytes() == int(1.5 * 2**30)
    monkeypatch.delenv("GEOSEARCH_MEMORY_GIB")
    assert 2**20 < memory.limit_bytes() < 2**50
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "plenty")
    with pytest.raises(InvalidOptionError, match="must be a number, got 'plenty'"):
        memory.limit_bytes()


def test_what_was_freed_is_given_back_or_the_library_left_alone(monkeypatch: pytest.MonkeyPatch):
    memory.give_back()

    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    memory.give_back()


def test_a_million_points_are_refused_by_exact_and_the_way_out_is_named():
    million = np.broadcast_to(np.zeros((1, 8), np.float32), (10**6, 8))
    with pytest.raises(
        TooLargeError, match=r"exact plan between 1000000 and 1000000 points needs about 3\d{3}.* Tiled"
    ):
        Exact().run(Problem.plain(million, million))


def test_tiled_takes_what_exact_refuses(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    problem = Problem.plain(rng.normal(size=(6000, 3)).astype(np.float32), rng.normal(size=(6000, 3)))
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "0.13")
    with pytest.raises(TooLargeError, match="the solver Tiled"):
        solve(problem, Exact())
    Tiled()  # its estimate for the same problem passes
    memory.require(6000 * 2 * (12 * 3 + 200 * 22) + 2**26, "a tiled plan", "")
