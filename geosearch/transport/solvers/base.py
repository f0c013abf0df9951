"""The contract of solvers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from geosearch.runtime.registry import Choice
from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem


class Solver(Protocol):
    """The contract of solvers: option objects."""

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        """Solve a problem that `solve` has checked.

        Args:
            problem: the problem.
            start: (p,) column potentials of a similar problem, as a warm start.
        """
        ...


SOLVERS: Choice[Solver] = Choice(
    "transport.solver",
    default="exact",
    meaning="Solver of barycentric maps.",
    room="geosearch.transport.solvers",
)
