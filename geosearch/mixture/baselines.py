"""The mixtures that every study evaluates first, whatever its sampler proposes later."""

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
    """The mixtures themselves, or the nearest that the constraints allow, under a name that says so."""
    near = {role: nearest(weights) for role, weights in roles.items()}
    return {role if near[role] == roles[role] else f"{role}, within limits": weights for role, weights in near.items()}


def baseline_weights(names: Sequence[str], sizes: Sequence[int], hull: Hull) -> dict[str, Weights]:
    """Role -> weights, in the order of evaluation.

    Each single source; the pooled union in proportion to the sources' sizes; the target's projection on the
    hull (the paper's choice) and the same as a cloud; Mixup at the same weights; equal weights on the geodesic.
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
