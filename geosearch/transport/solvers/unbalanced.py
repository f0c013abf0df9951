"""Unbalanced plans: mass that would have to travel far is left behind, or made on the spot."""

from __future__ import annotations

import warnings

import numpy as np

from geosearch.errors import InvalidOptionError


def row_masses(cost: np.ndarray, reach: float, *, sweeps: int = 2000) -> np.ndarray:
    """How much of each row's mass 1 / n an unbalanced plan moves, in units of 1 / n.

    The plan minimises <plan, cost> + reach (KL(row masses | 1 / n) + KL(column masses | 1 / p)): below a cost of about
    `reach` mass is moved, far above it is given up. Source: Chapel et al. 2021, by POT.

    Args:
        cost: (n, p), not negative.
        reach: in units of the cost, greater than 0; a large one forces the marginals, as a balanced plan does.
        sweeps: of the solver, at most.

    Returns:
        float64 (n,).
    """
    import ot

    if not reach > 0:
        raise InvalidOptionError(f"reach must be greater than 0, got {reach}")
    n, p = cost.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the sweeps ran out: masses are stable long before the plan is
        plan = ot.unbalanced.mm_unbalanced(
            np.full(n, 1 / n),
            np.full(p, 1 / p),
            cost.astype(np.float64),
            reach,
            div="kl",
            numItermax=sweeps,
            stopThr=1e-9,
        )
    return np.asarray(plan).sum(1) * n
