"""Baselines: mixtures that need no search; a study evaluates the first of them before its sampler proposes any."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights

SINGLE = "single: "
POOLED = "pooled union"
PROJECTION = "hull projection"
CLOUD = "hull projection, cloud"
MIXUP = "mixup"
UNIFORM = "uniform"
SEARCHED = "searched"
WITHIN_LIMITS = ", within limits"  # ends the name of a baseline that the limits changed

CLOUD_CONCENTRATION = 2.0  # chosen on the targets of reports/transfer/contest.md, which it flatters
FEWEST = 4  # baselines of every search: pooled union, projection, its cloud, and one single source
FREE = 3  # baselines that are no single sources and come before them
SMALL_SHELF = 4  # sources, all of which are confirmed if they were trained alone; of a larger shelf, the best one is


def constrain(nearest: Callable[[Weights], Weights], roles: Mapping[str, Weights]) -> dict[str, Weights]:
    """The baselines, each replaced by the nearest mixture that the constraints allow and renamed accordingly."""
    near = {role: nearest(weights) for role, weights in roles.items()}
    return {role if near[role] == roles[role] else role + WITHIN_LIMITS: weights for role, weights in near.items()}


def baseline_weights(names: Sequence[str], sizes: Sequence[int], hull: Hull) -> dict[str, Weights]:
    """Role -> weights of every baseline there is.

    The pooled union in proportion to the sizes of the sources; the projection of the target on the hull (the choice of
    Fan & Alvarez-Melis 2023), at infinite and at finite concentration; each single source; equal weights on the
    geodesic; Mixup with the weights of the projection.
    """
    m = len(names)
    projected = hull.projection().values
    return {
        POOLED: Weights.pooled(sizes),
        PROJECTION: Weights.of(projected),
        CLOUD: Weights.of(projected, concentration=CLOUD_CONCENTRATION),
        **{SINGLE + name: Weights.single(i, m) for i, name in enumerate(names)},
        UNIFORM: Weights.uniform(m),
        MIXUP: Weights.of(projected, pairing="random"),
    }


def count_baselines(evaluations: int, sources: int) -> int:
    """Number of baselines of a search: a third of its evaluations at most, but never fewer than `FEWEST`.

    >>> count_baselines(24, sources=40), count_baselines(24, sources=2), count_baselines(6, sources=2)
    (8, 7, 4)
    """
    return min(max(evaluations // 3, FEWEST), sources + 5)


def choose_baselines(names: Sequence[str], distances: Sequence[float], count: int) -> tuple[str, ...]:
    """Roles of the first `count` baselines, in the order of their evaluation.

    Args:
        names: (m,) of the sources.
        distances: (m,) of the single sources to the target; the nearest come first.
        count: how many.

    >>> choose_baselines(["mnist", "svhn", "usps"], [2.0, 9.0, 1.0], count=5)
    ('pooled union', 'hull projection', 'hull projection, cloud', 'single: usps', 'single: mnist')
    """
    nearest = [SINGLE + names[i] for i in np.argsort(distances, kind="stable")]
    return (POOLED, PROJECTION, CLOUD, *nearest, UNIFORM, MIXUP)[:count]


def count_confirmed(evaluations: int, sources: int) -> int:
    """Number of baselines of a confirmation; on a shelf of more than four sources they take less than a third of it.

    >>> count_confirmed(24, sources=40), count_confirmed(24, sources=4)
    (4, 8)
    """
    count = count_baselines(evaluations, sources)
    single = min(count - FREE, sources)
    return count - single + min(single, _most_single(sources))


def choose_confirmed(
    baselines: Mapping[str, Weights], errors: Mapping[Weights, float], sources: int
) -> dict[str, Weights]:
    """The baselines that are confirmed; of the single sources all on a shelf of up to four, on a larger one the best.

    Args:
        baselines: role -> mixture, in the order of their evaluation.
        sources: m
        errors: mixture -> error in the search, never on the test part; of mixtures without one, the first are taken.
    """
    single = [role for role in baselines if role.startswith(SINGLE)]
    best = sorted(single, key=lambda role: errors.get(baselines[role], math.inf))[: _most_single(sources)]
    return {role: weights for role, weights in baselines.items() if role in best or role not in single}


def _most_single(sources: int) -> int:
    """Number of single sources that a confirmation has at most."""
    return sources if sources <= SMALL_SHELF else 1
