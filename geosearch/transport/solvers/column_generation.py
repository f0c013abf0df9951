"""Growth: a plan on a growing subset of pairs, until it is proven optimal among all."""

from __future__ import annotations

import numpy as np
import torch

from geosearch.transport.problem import Problem
from geosearch.transport.solvers import network_simplex
from geosearch.transport.solvers.blocks import Blocks, Pairs
from geosearch.transport.solvers.network_simplex import Flow
from geosearch.transport.solvers.pricing import DualBound, Prices, northwest_corner, price

_PER_ROW = 4  # pairs added per row and pass
_NOISE = {torch.float32: 1e-6, torch.float64: 2e-15}  # of the largest cost
_PATIENCE = 3  # passes before a lack of progress stops the search


class ColumnGeneration:
    """The state of one column generation: pairs in use, the flow on them, the best lower bound so far.

    Attributes:
        flow: optimal on the pairs in use.
        bound: the best feasible potentials found.
        noise: size of rounding errors in the costs, squared feature units.
        rounds: how many were run.
    """

    flow: Flow
    bound: DualBound
    noise: float
    rounds: int

    def __init__(self, problem: Problem, cost: Blocks, pairs: Pairs, bound: DualBound | None) -> None:
        self.problem, self.cost = problem, cost
        self.a, self.b = (cost.to_tensor(mass) for mass in problem.masses)
        rows, columns, _ = northwest_corner(*network_simplex.units(problem))  # makes every round feasible
        self.known = _sorted_once(pairs.keys(cost), rows * cost.shape[1] + columns)
        self.missing: list[np.ndarray] = []
        self.rounds = 0
        self.bound = bound or DualBound(torch.zeros_like(self.a), torch.zeros_like(self.b))  # costs are not negative

    @property
    def gap(self) -> float:
        """Upper bound of the excess cost of the flow over the optimum."""
        return self.flow.value - self.bound.value(self.a, self.b)

    def run(self, tolerance: float, max_rounds: int) -> bool:
        """Grow until the gap is at most `tolerance` of the value, or the costs' digits tell no more; False if not."""
        while self.rounds < max_rounds:
            self.rounds += 1
            self._solve()
            allowed = max(tolerance * self.flow.value, self.noise)
            self._price_at_the_simplex(allowed)
            if self.gap > allowed:
                self._follow_shortest_paths(allowed)
            if self.gap <= allowed:
                return self.flow.finished
            before = len(self.known)
            self.known = _sorted_once(self.known, *self.missing)
            self.missing.clear()
            if len(self.known) == before:
                break
        return self.flow.finished and self.gap <= max(allowed, 4 * self.noise)

    def _solve(self) -> None:
        """The optimal flow over the pairs in use."""
        rows, columns = np.divmod(self.known, self.cost.shape[1])
        costs = self.cost.entries(Pairs.of(rows, columns, self.cost)).double().cpu().numpy()
        self.flow = network_simplex.on_pairs(self.problem, rows, columns, costs)
        self.noise = _NOISE[self.cost.u.dtype] * float(costs.max())

    def _price(self, f: torch.Tensor, g: torch.Tensor, allowed: float) -> Prices:
        """One pass over all pairs: note the missing ones, keep the bound if it is better."""
        priced = price(self.cost, f, g, tolerance=max(allowed / 4, self.noise), count=_PER_ROW)
        self.missing.append(priced.pairs.keys(self.cost))
        found = DualBound(priced.f, g)
        if found.value(self.a, self.b) > self.bound.value(self.a, self.b):
            self.bound = found
        return priced

    def _price_at_the_simplex(self, allowed: float) -> None:
        f, g = (self.cost.to_tensor(potential) for potential in self.flow.potentials)
        self._price(f, g, allowed)

    def _follow_shortest_paths(self, allowed: float) -> None:
        """Move the best potentials until the pairs of the flow are tight, as they are for an optimal flow.

        The simplex's potentials are one corner of what may be a large face, and prove little until every pair
        is in use. From feasible potentials nearby, Bellman-Ford passes (f_i = min_j(c_ij - g_j), then
        g_j = c_ij - f_i on the pairs of the flow) need as many turns as paths have steps: few when the flow
        is close to a matching of neighbours, many otherwise, so they stop when they do not pay.
        """
        g, used, before = self.bound.g, Pairs.of(self.flow.rows, self.flow.columns, self.cost), np.inf
        costs = self.cost.entries(used)
        for turn in range(20):
            f = torch.full_like(self.a, -torch.inf).scatter_reduce(0, used.rows, costs - g[used.columns], "amax")
            low = self._price(f, g, allowed).f
            gap = self.flow.value - DualBound(low, g).value(self.a, self.b)
            if gap <= allowed or (turn >= _PATIENCE and gap > before / 2):
                break
            g = g.scatter_reduce(0, used.columns, costs - low[used.rows], "amax")
            before = gap


def _sorted_once(*keys: np.ndarray) -> np.ndarray:
    """All keys in order, each once; a sort is several times faster here than NumPy's hashing `unique`."""
    every = np.sort(np.concatenate(keys))
    return every[np.concatenate([[True], every[1:] != every[:-1]])]
