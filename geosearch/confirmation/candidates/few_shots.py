"""FewShots: no pretraining, with an adaptation that is tuned for this row alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.confirmation.candidates.base import Setup, Start, StartKind, SupervisedCandidate
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class FewShots(SupervisedCandidate):
    """A fresh network that is trained on the shots with settings of its own, whatever the adaptation.

    Heads on frozen features are fitted to the features of the trained network; under self-training and FixMatch it
    teaches itself. "No pretraining" has the settings that the tuner of the confirmation found instead.

    Attributes:
        training: how it is trained, tuned on the shots.
    """

    start_kind: ClassVar[StartKind] = StartKind.FRESH
    training: FineTuning

    @property
    def key(self) -> str:
        return content_key("few-shots", version=1, training=self.training.key)

    def start(self, setup: Setup, seed: int) -> Start:
        trained = self.training.train(fresh_network(setup.shots, setup.recipe, seed), setup.shots, seed)
        return Start(setup.recipe.network.after_pretraining(trained, setup.shots.shape[0]))
