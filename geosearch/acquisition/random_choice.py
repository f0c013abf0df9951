"""RandomChoice: images drawn at random; the baseline of every other strategy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.acquisition.base import ACQUISITIONS, LabelState


@ACQUISITIONS.register("random", "drawn at random")
@dataclass(frozen=True)
class RandomChoice:
    """Draw images at random, all with the same probability.

    Example:
        >>> state = LabelState(np.zeros((9, 2)), np.zeros((0, 2)), np.zeros(0, np.int64), class_count=2)
        >>> len(set(RandomChoice().choose(state, 9, seed=0)))
        9
    """

    def choose(self, state: LabelState, count: int, *, seed: int) -> np.ndarray:
        """Rows (count,) of the unlabelled images, without replacement."""
        return seeds.stream(seed, "acquisition", "random").permutation(len(state.unlabelled))[:count]
