"""Pareto front of error and price, for studies whose sources have prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

AUGMENTED = 0.05  # weight of the sum added to the maximum, so that no weakly dominated point is preferred
ERROR_ALONE = 0.5  # share of the proposals that use the error only

Item = TypeVar("Item")


def front(items: Sequence[Item], errors: Sequence[float], prices: Sequence[float]) -> tuple[Item, ...]:
    """The items that no other one dominates: less error at no higher price. Cheapest first; of equals, the first.

    >>> front("abc", errors=[0.3, 0.2, 0.25], prices=[1.0, 2.0, 3.0])
    ('a', 'b')
    """
    kept: list[Item] = []
    least = np.inf
    for i in sorted(range(len(items)), key=lambda i: (prices[i], errors[i], i)):
        if errors[i] < least:
            kept.append(items[i])
            least = errors[i]
    return tuple(kept)


def scalarize(errors: np.ndarray, prices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One number for each mixture, errors and prices combined with random weights: (n,), (n,) -> (n,).

    Half of the draws use the error alone; the others explore the front.

    Source: Knowles 2006 (ParEGO), the augmented Tchebycheff function of both on a scale from 0 to 1.
    """
    if rng.random() < ERROR_ALONE or np.ptp(prices) == 0 or np.ptp(errors) == 0:
        return errors
    share = rng.random()
    terms = np.stack([share * _unit(errors), (1 - share) * _unit(prices)])  # (2, n)
    return np.asarray(terms.max(0) + AUGMENTED * terms.sum(0))


def _unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)
