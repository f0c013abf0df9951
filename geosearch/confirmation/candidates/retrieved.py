"""Retrieved: a network that is pretrained on the source images nearest to the target's."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.adaptation.base import Adaptation
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, images_of
from geosearch.mixture.retrieval import RetrievedPool
from geosearch.nn.train import pretrain


@dataclass(frozen=True, eq=False)
class Retrieved(PretrainedCandidate):
    """A pool of retrieved source images, in place of a mixture.

    Attributes:
        pool: what the network is pretrained on.
        queries: number of unlabelled target images that the pool was retrieved for.
    """

    pool: RetrievedPool
    queries: int

    @property
    def key(self) -> str:
        return self.pool.key

    def start(self, setup: Setup, seed: int) -> Start:
        return Start(pretrain(self.pool, setup.recipe, seed, device=setup.device), self.pool)

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that chose the pool, or those of the adaptation, of which they are a part, if it has more."""
        return max(self.queries, images_of(adaptation))
