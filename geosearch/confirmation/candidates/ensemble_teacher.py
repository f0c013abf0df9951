"""EnsembleTeacher: a network that is self-trained under the mean prediction of several networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geosearch import seeds
from geosearch.adaptation.base import Adaptation, Predictor
from geosearch.adaptation.predictors import EnsemblePredictor
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import Setup, Start
from geosearch.confirmation.candidates.plain import Plain
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key

TEACHERS = 4  # networks whose mean prediction labels, that of the mixture included


@dataclass(frozen=True, eq=False)
class EnsembleTeacher(Plain):
    """A mixture whose network is self-trained with an ensemble of networks as teacher, each of another mixture.

    Networks of different mixtures make different errors, so their mean prediction is more accurate than any of them,
    and a search ends with several good mixtures. With any other adaptation it equals the plain mixture.

    Attributes:
        others: mixtures of the further teachers, each with a seed of its own.
    """

    others: Sequence[Mixture] = ()

    @property
    def key(self) -> str:
        others = [other.key for other in self.others]
        return content_key("ensemble-teacher", version=1, mixture=self.mixture.key, others=others)

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        if not isinstance(adaptation, SelfTraining):
            return super().adapt(start, adaptation, setup, seed)
        numbers = [seeds.integer(seed, "teacher", i) for i in range(len(self.others))]
        others = [
            pretrain(one, setup.recipe, number, device=setup.device)
            for one, number in zip(self.others, numbers, strict=True)
        ]
        teachers = [adaptation.fit_teacher(one, setup.shots, seed) for one in (start.network, *others)]
        return adaptation.train_student(EnsemblePredictor(teachers), start.network, setup.shots, seed)

    def networks(self, adaptation: Adaptation) -> int:
        """All of them under self-training, otherwise one."""
        return 1 + len(self.others) if isinstance(adaptation, SelfTraining) else 1
