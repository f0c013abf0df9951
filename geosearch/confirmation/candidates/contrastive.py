"""Contrastive: a network that SimCLR pretrains on the target's unlabelled images, without any source."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.adaptation.base import Adaptation
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, images_of
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.pretraining.simclr import SimCLR
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class Contrastive(PretrainedCandidate):
    """SimCLR on the target's unlabelled images with the long recipe, then adapted like any other network.

    It sees no source and, before it is adapted, no label. At a few thousand small images it helps little; the row
    shows what the unlabelled images give without sources.

    Attributes:
        unlabelled: images of the target.
    """

    unlabelled: UnlabelledSet

    @property
    def key(self) -> str:
        return content_key("contrastive", version=1, unlabelled=self.unlabelled.fingerprint)

    def start(self, setup: Setup, seed: int) -> Start:
        return Start(SimCLR(setup.recipe).train(self.unlabelled, seed, device=setup.device))

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those of the pretraining, or of the adaptation if it has more."""
        return max(len(self.unlabelled), images_of(adaptation))
