"""FixMatched: a pretrained network that is adapted by FixMatch."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.confirmation.candidates.base import AdaptedCandidate, Setup, Start, images_of
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class FixMatched(AdaptedCandidate):
    """A mixture whose network is adapted by FixMatch, whatever the adaptation of the confirmation.

    Attributes:
        mixture: what the network is pretrained on.
        training: how it is adapted, with the unlabelled images.
    """

    mixture: Mixture
    training: FixMatch

    @property
    def key(self) -> str:
        return content_key("fix-matched", version=1, mixture=self.mixture.key, training=self.training.key)

    def start(self, setup: Setup, seed: int) -> Start:
        pretrained = pretrain(self.mixture, setup.recipe, seed, device=setup.device)
        return Start(self.training.train(pretrained, setup.shots, seed))

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those of FixMatch."""
        return images_of(self.training)
