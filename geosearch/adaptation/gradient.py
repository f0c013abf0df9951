"""GradientAdaptation: the options and the cross-validated score that all adaptations by gradient descent share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from geosearch.adaptation.base import AdaptationOptions, Predictor, Score
from geosearch.adaptation.cross_validation import cross_validate
from geosearch.adaptation.loss import Loss, VectorScaling
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.ridge import finite_features
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import added_field
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Stream
from geosearch.runtime.registry import setting


@dataclass(frozen=True)
class GradientAdaptation(AdaptationOptions):
    """Base class of the adaptations that are trained with AdamW; their score is a stratified cross-validation.

    Attributes:
        steps: optimizer steps.
        batch: images per step.
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        label_smoothing: fraction of each label that is spread evenly over all classes.
        augmentation: random change of every image and step.
        folds: folds of the cross-validation; never more than the largest class has shots.
        device: where to train, as for `pretrain`.
        body_rate: learning rate of the body, as a fraction in (0, 1] of that of the head; no effect on a linear probe.
        precision: of the training, as in `Recipe`.
        loss: makes up for uneven classes, and has all classes count alike in the score; see `LOSSES`.
    """

    steps: int = setting(
        200,
        "fine_tune_steps",
        "Steps of training on the augmented shots; three times as many with unlabelled images. Where confirm.tuning "
        "tunes them this is only its first trial; where nothing can be tuned, a small network is confirmed with longer "
        "trainings.",
        ge=1,
    )
    batch: int = 50
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    label_smoothing: float = 0.1
    augmentation: Augmenter = field(default_factory=Augmentation)
    folds: int = 3
    device: str = added_field("cpu")
    body_rate: float = added_field(1.0)
    loss: Loss | None = added_field(None)
    precision: Literal["float32", "bfloat16"] = added_field("float32")

    def __post_init__(self) -> None:
        if not 0 < self.body_rate <= 1:
            raise InvalidOptionError(f"{type(self).__name__} needs body_rate in (0, 1], got {self.body_rate}")
        if self.folds < 2:
            raise InvalidOptionError(f"cross-validation needs at least 2 folds, got {self.folds}")
        self._recipe()  # checks the other options

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Cross-validated error on the shots.

        Raises:
            DomainMismatchError: no class has two shots.
            TrainingFailedError: the loss became NaN or infinite.
        """
        balance = 0.0 if self.loss is None else 1.0
        return cross_validate(
            lambda part: self.fit(network, part, seed, mixture), shots, self.folds, seed, balance=balance
        )

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Train a copy of `network`, with a new head, on all shots.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        return NetworkPredictor(self._train(network, shots, seed, mixture))

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        raise NotImplementedError

    def _scaling(self, network: Network, shots: LabelledSet, seed: int) -> VectorScaling | None:
        """What the loss does to the scores in the training; None for nothing."""
        if self.loss is None:
            return None
        return self.loss.scaling(finite_features(network, shots.images), shots.labels, len(shots.classes), seed)

    def _recipe(self) -> Recipe:
        return Recipe(
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=self.augmentation,
            precision=self.precision,
        )
