"""Condensed: a few images per class that are learned from a mixture."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key

ROWS = 4000  # images that are condensed


@dataclass(frozen=True, eq=False)
class Condensed(PretrainedCandidate):
    """A few images per class that are learned from a mixture, afresh for every seed."""

    mixture: Mixture
    condensation: Condensation
    size: int = ROWS

    @property
    def key(self) -> str:
        how = (repr(self.condensation), self.size)
        return content_key("condensed", version=2, mixture=self.mixture.key, how=how)

    def start(self, setup: Setup, seed: int) -> Start:
        learned = self.condensation.learn(self.mixture, self.size, seed, device=setup.device)
        return Start(pretrain(learned, setup.recipe, seed, device=setup.device), learned)
