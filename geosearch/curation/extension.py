"""Extension of a core set by the most helpful samples of a pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.curation.weighted_pool import WeightedPool
from geosearch.errors import DomainMismatchError, InvalidOptionError

SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Extension:
    """Samples of the pool in the order in which they were added to the core set.

    Attributes:
        order: int64 (k,) row numbers of all samples that were added.
        sizes: number of added samples before each round, 0 first.
        losses: leave-one-out error of the core at those sizes.
        size: number of samples in the pool.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(100) % 2
        >>> features = rng.normal(size=(100, 5)) + labels[:, None]
        >>> targets = np.eye(2)[labels]
        >>> pool = WeightedPool.of(features[20:], targets[20:], core=(features[:20], targets[:20]))
        >>> extension = extend(pool)
        >>> extension.losses[extension.best] <= extension.losses[0]
        True
    """

    order: np.ndarray
    sizes: tuple[int, ...]
    losses: tuple[float, ...]
    size: int

    @property
    def best(self) -> int:
        """The round with the smallest leave-one-out error."""
        return int(np.argmin(self.losses))

    @property
    def taken(self) -> np.ndarray:
        """int64 row numbers of the samples to take: those added up to the smallest leave-one-out error."""
        return self.order[: self.sizes[self.best]]

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if not len(self.taken):
            return (
                f"none of {self.size} samples taken: none lowers the core's leave-one-out error, {self.losses[0]:.4f}"
            )
        end = "all samples of the pool help" if self.size == self.sizes[-1] else "no other sample helps"
        return (
            f"{len(self.taken)} of {self.size} samples taken: leave-one-out error of the core "
            f"{self.losses[0]:.4f} -> {self.losses[self.best]:.4f}; after {self.sizes[-1]} samples {end}"
        )


def extend(pool: WeightedPool, *, share: float = SHARE) -> Extension:
    """Add the samples with the most negative derivative, `share` of the pool at a time, until none is negative.

    Source: Dukler et al. 2022 (DIVA), sec. 4.

    Args:
        pool: the samples, with a core set.
        share: fraction in (0, 1] of the pool that is added per round.

    Raises:
        DomainMismatchError: the pool has no core set.
        InvalidOptionError: share outside (0, 1].
    """
    if not pool.has_core:
        raise DomainMismatchError("extending needs a core set that the pool is to serve; name it as the target")
    if not 0 < share <= 1:
        raise InvalidOptionError(f"share must lie in (0, 1], got {share}")
    batch = max(round(share * len(pool)), 1)
    pool = pool.tune(np.ones(len(pool)))  # the weights that samples join with; once, so that errors can be compared
    weights = np.zeros(len(pool))
    order: list[int] = []
    sizes, losses = [], []
    while True:
        result = pool.derivative(weights)
        sizes.append(len(order))
        losses.append(result.loss)
        outside = np.flatnonzero(weights == 0)
        ranked = outside[np.argsort(result.gradient[outside], kind="stable")]
        added = ranked[: int((result.gradient[outside] < 0).sum())][:batch]
        if not len(added):
            break
        weights[added] = 1.0
        order += added.tolist()
    return Extension(np.array(order, dtype=np.int64), tuple(sizes), tuple(losses), len(pool))
