"""FromScratch: no pretraining; the network sees the shots alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from geosearch.adaptation.base import Adaptation, Predictor
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import fixed_features, fresh_network
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.regularized import RegularizedFineTuning
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, StartKind
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class FromScratch(PretrainedCandidate):
    """No pretraining: a fresh network is the start, and is adapted like any other.

    Heads on frozen features are fitted to raw pixels or to the untrained network (`fixed_features`). Rehearsal and
    regularized fine-tuning are fine-tuning, since there is nothing to rehearse or to stay near. Self-training and
    FixMatch go on from a network that was fine-tuned first, since an untrained one labels nothing. A network that comes
    with pretrained weights is adapted with these, like any other.
    """

    start_kind: ClassVar[StartKind] = StartKind.FRESH

    @property
    def key(self) -> str:
        return content_key("from-scratch", version=2)

    def start(self, setup: Setup, seed: int) -> Start:
        fixed = fixed_features(setup.shots, setup.recipe, seed)
        return Start(fresh_network(setup.shots, setup.recipe, seed), frozen=fixed)

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        if setup.recipe.network.is_pretrained:
            return super().adapt(start, adaptation, setup, seed)
        if isinstance(adaptation, SelfTraining):
            teacher = adaptation.fit_teacher(start.network, setup.shots, seed)
            own = teacher.network if isinstance(teacher, NetworkPredictor) else start.network
            return adaptation.train_student(teacher, own, setup.shots, seed)
        if isinstance(adaptation, Rehearsal | RegularizedFineTuning | FixMatch):
            alone = FineTuning(**{one.name: getattr(adaptation, one.name) for one in fields(FineTuning)})
            tuned = alone.fit(start.network, setup.shots, seed)
            if isinstance(adaptation, FixMatch) and isinstance(tuned, NetworkPredictor):
                return adaptation.fit(tuned.network, setup.shots, seed)
            return tuned
        return super().adapt(start, adaptation, setup, seed)
