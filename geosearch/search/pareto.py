"""Front: when sources have a price, the mixtures that no other beats in both error and price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

AUGMENTED = 0.05  # weight of the sum beside the maximum, so that no weakly dominated point is preferred
ERROR_ALONE = 0.5  # share of the proposals that look at the error only

Item = TypeVar("Item")


def front(items: Sequence[Item], errors: Sequence[float], prices: Sequence[float]) -> tuple[Item, ...]:
    """The items that none of the others beats: less error at no higher price. Cheapest first; of equals, the first."""
    kept: list[Item] = []
    least = np.inf
    for i in sorted(range(len(items)), key=lambda i: (prices[i], errors[i], i)):
        if errors[i] < least:
            kept.append(items[i])
            least = errors[i]
    return tuple(kept)


def scalarised(errors: np.ndarray, prices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One number for each mixture, errors and prices weighed against each other as drawn: (n,), (n,) -> (n,).

    Every second draw, on average, looks at the error alone; the others walk along the front.

    Source: Knowles 2006 (ParEGO), the augmented Tchebycheff function of both on a scale from 0 to 1.
    """
    if rng.random() < ERROR_ALONE or np.ptp(prices) == 0 or np.ptp(errors) == 0:
        return errors
    share = rng.random()
    terms = np.stack([share * _unit(errors), (1 - share) * _unit(prices)])  # (2, n)
    return np.asarray(terms.max(0) + AUGMENTED * terms.sum(0))


def _unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)
