"""The baseline mixtures that every study evaluates before its sampler proposes any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights

SINGLE = "single: "
POOLED = "pooled union"
PROJECTION = "hull projection"
CLOUD = "hull projection, cloud"
MIXUP = "mixup"
UNIFORM = "uniform"
SEARCHED = "searched"


def constrain(nearest: Callable[[Weights], Weights], roles: Mapping[str, Weights]) -> dict[str, Weights]:
    """The baselines, each replaced by the nearest mixture that the constraints allow and renamed accordingly."""
    near = {role: nearest(weights) for role, weights in roles.items()}
    return {role if near[role] == roles[role] else f"{role}, within limits": weights for role, weights in near.items()}


def baseline_weights(names: Sequence[str], sizes: Sequence[int], hull: Hull) -> dict[str, Weights]:
    """Role -> weights, in the order of evaluation.

    Each single source; the pooled union in proportion to the sizes of the sources; the projection of the target on
    the hull (the choice of Fan & Alvarez-Melis 2023), at infinite and at finite concentration; Mixup with the same
    weights; equal weights on the geodesic.
    """
    m = len(names)
    projected = hull.projection().values
    return {
        **{SINGLE + name: Weights.single(i, m) for i, name in enumerate(names)},
        POOLED: Weights.pooled(sizes),
        PROJECTION: Weights.of(projected),
        CLOUD: Weights.of(projected, concentration=2.0),
        MIXUP: Weights.of(projected, pairing="random"),
        UNIFORM: Weights.uniform(m),
    }
