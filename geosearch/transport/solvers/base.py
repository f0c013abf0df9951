"""The contract of solvers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from geosearch.transport.plan import Plan
from geosearch.transport.problem import Problem


class Solver(Protocol):
    """How a problem is solved."""

    def run(self, problem: Problem, start: np.ndarray | None = None) -> Plan:
        """The plan; `solve` has checked the problem. `start`: (p,) column potentials of a similar problem."""
        ...
