"""Plain: a mixture as it is."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.adaptation.base import Adaptation
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, images_of
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain


@dataclass(frozen=True, eq=False)
class Plain(PretrainedCandidate):
    """A mixture as it is.

    Attributes:
        mixture: what the network is pretrained on.
        searched_on: number of unlabelled target images that chose the mixture, besides the reference of its maps.
    """

    mixture: Mixture
    searched_on: int = 0

    @property
    def key(self) -> str:
        return self.mixture.key

    def start(self, setup: Setup, seed: int) -> Start:
        return Start(pretrain(self.mixture, setup.recipe, seed, device=setup.device), self.mixture)

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that chose the mixture, and the larger of the reference and what the adaptation uses.

        The reference is the first part of what self-training uses. Where no image is mixed of several sources, maps do
        not matter.
        """
        weights = self.mixture.weights
        is_mixed = len(weights.support) > 1 and weights.concentration > 0
        reference = len(self.mixture.anchors.reference) if is_mixed or self.searched_on else 0
        return self.searched_on + max(reference, images_of(adaptation))
