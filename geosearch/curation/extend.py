"""Extend: a core set grown from a pool, the most helpful samples first, until none helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.curation.weighted_pool import Pool
from geosearch.errors import DomainMismatchError, InvalidOptionError

SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Extension:
    """Samples of the pool in the order in which they joined.

    Attributes:
        order: numbers of all samples that joined, round after round.
        sizes: samples that had joined at each round, 0 first.
        losses: leave-one-out error of the core at those sizes.
        size: number of pool samples that are left out.
    """

    order: np.ndarray
    sizes: tuple[int, ...]
    losses: tuple[float, ...]
    size: int

    @property
    def best(self) -> int:
        """Round with the least leave-one-out error."""
        return int(np.argmin(self.losses))

    @property
    def taken(self) -> np.ndarray:
        """The samples to take: those that had joined when the leave-one-out error was least."""
        return self.order[: self.sizes[self.best]]

    @property
    def sentence(self) -> str:
        """How it ended."""
        if not len(self.taken):
            return (
                f"none of {self.size} samples taken: none lowers the core's leave-one-out error, {self.losses[0]:.4f}"
            )
        end = "all samples of the pool help" if self.size == self.sizes[-1] else "no other sample helps"
        return (
            f"{len(self.taken)} of {self.size} samples taken: leave-one-out error of the core "
            f"{self.losses[0]:.4f} -> {self.losses[self.best]:.4f}; after {self.sizes[-1]} samples {end}"
        )


def extend(pool: Pool, *, share: float = SHARE) -> Extension:
    """Add the samples of most negative derivative, `share` of the pool at a time, until none is negative.

    Source: Dukler et al. 2022 (DIVA), sec. 4.

    Raises:
        DomainMismatchError: the pool has no core to be extended.
        InvalidOptionError: share outside (0, 1].
    """
    if not pool.has_core:
        raise DomainMismatchError("extending needs a core set that the pool is to serve; name it as the target")
    if not 0 < share <= 1:
        raise InvalidOptionError(f"share must lie in (0, 1], got {share}")
    batch = max(round(share * len(pool)), 1)
    weights = np.zeros(len(pool))
    order: list[int] = []
    sizes, losses = [], []
    while True:
        found = pool.derivative(weights)
        sizes.append(len(order))
        losses.append(found.loss)
        outside = np.flatnonzero(weights == 0)
        ranked = outside[np.argsort(found.gradient[outside], kind="stable")]
        joining = ranked[: int((found.gradient[outside] < 0).sum())][:batch]
        if not len(joining):
            break
        weights[joining] = 1.0
        order += joining.tolist()
    return Extension(np.array(order, dtype=np.int64), tuple(sizes), tuple(losses), len(pool))
