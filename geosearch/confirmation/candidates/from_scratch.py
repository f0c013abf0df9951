"""FromScratch: no pretraining; the network sees the shots alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geosearch.adaptation.base import Adaptation, Predictor
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import fit_ridge_from_scratch, train_from_scratch
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import Setup, Start, images_of
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class FromScratch:
    """No pretraining: a network that is trained on the shots alone.

    Attributes:
        recipe: how it is trained, tuned on the shots.
    """

    recipe: Recipe

    @property
    def key(self) -> str:
        return content_key("from-scratch", version=1, recipe=self.recipe.key)

    def start(self, setup: Setup, seed: int) -> Start:
        return Start(train_from_scratch(setup.shots, self.recipe, seed, device=setup.device).network)

    def adapt(self, start: Start, adaptation: Adaptation, setup: Setup, seed: int) -> Predictor:
        """The network itself; a student of it under self-training or FixMatch; for heads on frozen features see below.

        Rehearsal is fine-tuning here, since there is nothing to rehearse. A ridge head is fitted to raw pixels or to
        an untrained network (`fit_ridge_from_scratch`).
        """
        alone = NetworkPredictor(start.network)
        if isinstance(adaptation, SelfTraining):  # with the augmentation that the shots were tuned to
            how = replace(adaptation, augmentation=self.recipe.augmentation)
            return how.train_student(alone, alone.network, setup.shots, seed)
        if isinstance(adaptation, FixMatch):
            return replace(adaptation, augmentation=self.recipe.augmentation).fit(start.network, setup.shots, seed)
        if isinstance(adaptation, FineTuning):
            return alone
        return fit_ridge_from_scratch(setup.shots, setup.recipe, seed)

    def networks(self, adaptation: Adaptation) -> int:
        """One."""
        return 1

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that the adaptation uses."""
        return images_of(adaptation)
