"""Keeping: which images of the pretraining go on being learned while the shots are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.fixed_set import FixedSet, drawn
from geosearch.nn.networks import Network
from geosearch.nn.recipe import facts_of
from geosearch.nn.train import Stream, features
from geosearch.transport.solvers.unbalanced import row_masses


@dataclass(frozen=True)
class ReplaySelection:
    """The mixture images that an unbalanced plan brings to the shots, in the features of the pretrained network.

    Images that lie far from all shots are left behind by such a plan, where a balanced one would have to move them.
    Source: Liu et al. 2022 (pretraining data chosen by unbalanced transport stay in the fine-tuning). Ours: the plan is
    between single images and shots, and the images that move most mass are the ones kept.

    Attributes:
        share: of the images drawn, in (0, 1], that is kept: those of which most mass is moved.
        size: images drawn from the mixture.
        reach: cost, in units of the mean cost, beyond which mass is rather left behind.
    """

    share: float = 0.25
    size: int = 1000
    reach: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.size < 1 or not self.reach > 0:
            raise InvalidOptionError(
                f"Keeping needs share in (0, 1], size >= 1 and reach > 0, got {self.share}, {self.size}, {self.reach}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        return facts_of(self)

    def of(self, mixture: Stream, network: Network, shots: LabelledSet, seed: int) -> FixedSet:
        """The images kept, with their soft labels."""
        images, labels = drawn(mixture, self.size, seeds.stream(seed, "keeping"))
        pixels = np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        cost = cdist(features(network, pixels), features(network, shots.images), "sqeuclidean")  # (n, p)
        mean = cost.mean()
        masses = row_masses(cost / mean if mean > 0 else cost, self.reach)
        kept = np.argsort(-masses, kind="stable")[: max(round(self.share * len(images)), 1)]
        return FixedSet(images[kept], labels[kept])
