"""Adaptations: how a pretrained network is put to work on the target's few labelled shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from geosearch.adaptation.cross_validation import Predictor, Score, cross_validate
from geosearch.adaptation.heads import rehearse, train_head
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.adaptation.ridge import RidgeFit, leave_one_out, one_hot, ridge_fit
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.networks import Network
from geosearch.nn.recipe import VERSION, Augmentation, Recipe, added_field, facts_of
from geosearch.nn.train import Stream, features, fine_tune, predict
from geosearch.runtime.cache import content_key


class Adaptation(Protocol):
    """How a pretrained network is adapted, and what it is worth so adapted.

    The mixture is the one that the network was pretrained on; only `Rehearse` looks at it.
    """

    @property
    def facts(self) -> dict[str, Any]: ...

    @property
    def key(self) -> str: ...

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Cross-validated error on the shots; sees no other image of the target."""
        ...

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Adapt to all shots; `network` stays as it is."""
        ...


@dataclass(frozen=True)
class _Option:
    @property
    def facts(self) -> dict[str, Any]:
        return facts_of(self)

    @property
    def key(self) -> str:
        return content_key("adaptation", version=VERSION, **self.facts)


@dataclass(frozen=True)
class RidgeHead(_Option):
    """Frozen features with a ridge head; its score is the closed-form leave-one-out error.

    Attributes:
        ridge: penalty, in units of the mean squared norm of the shots' centred features; None
            takes the one with the least leave-one-out error. With one shot of every class that is always the
            largest of the grid, near to a nearest class mean; on four targets its error is within two points of
            that of the best penalty.
    """

    ridge: float | None = None

    def __post_init__(self) -> None:
        if self.ridge is not None and not self.ridge > 0:
            raise InvalidOptionError(f"ridge must be greater than 0, or None to choose it, got {self.ridge}")

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        z, y, _ = _regression(network, shots)
        result = leave_one_out(z, y, self.ridge)
        return Score(result.squared_error, result.top1_error)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        z, y, scale = _regression(network, shots)
        ridge = self.ridge if self.ridge is not None else leave_one_out(z, y).ridge
        return RidgePredictor(network, scale, ridge_fit(z, y, ridge))


@dataclass(frozen=True)
class _Trained(_Option):
    """What the adaptations trained by gradient descent share; each score is a stratified cross-validation.

    Attributes:
        steps: optimizer steps.
        batch: images a step.
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        label_smoothing: share of each label spread over all classes.
        augmentation: random affine map per image and step.
        folds: parts of the cross-validation; at most as many as the smallest class has shots.
        device: where it is trained, as for `pretrain`.
    """

    steps: int = 200
    batch: int = 50
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    label_smoothing: float = 0.1
    augmentation: Augmentation = field(default_factory=Augmentation)
    folds: int = 3
    device: str = added_field("cpu")

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InvalidOptionError(f"cross-validation needs at least 2 folds, got {self.folds}")
        self._recipe()  # refuses what it refuses

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        return cross_validate(lambda part: self.fit(network, part, seed, mixture), shots, self.folds, seed)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        return NetworkPredictor(self._train(network, shots, seed, mixture))

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        raise NotImplementedError

    def _recipe(self) -> Recipe:
        return Recipe(
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=self.augmentation,
        )


@dataclass(frozen=True)
class FineTune(_Trained):
    """Every layer trained on augmented shots."""

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        return fine_tune(network, shots, self._recipe(), seed, device=self.device)


@dataclass(frozen=True)
class LinearProbe(_Trained):
    """A linear head trained on augmented shots; the body stays as it was pretrained.

    Unlike `RidgeHead` it sees the shots augmented, and is scored as it is used: by a cross-entropy, not a square.
    """

    learning_rate: float = 1e-2

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        return train_head(network, shots, self._recipe(), seed, device=self.device)


@dataclass(frozen=True)
class Rehearse(FineTune):
    """Fine-tuning during which the old head goes on learning the mixture; a step costs about twice as much.

    Attributes:
        share: weight in (0, 1) of the mixture in the loss; the shots have the rest.
        keeping: which images of the mixture are rehearsed; all if None.
    """

    share: float = 0.3
    selection: ReplaySelection | None = added_field(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share < 1:
            raise InvalidOptionError(f"Rehearse needs share in (0, 1), got {self.share}; FineTune is without rehearsal")

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        if mixture is None:
            raise InvalidOptionError("Rehearse needs the mixture that the network was pretrained on; pass mixture=")
        kept = self.selection.of(mixture, network, shots, seed) if self.selection else mixture
        return rehearse(network, shots, kept, self._recipe(), seed, share=self.share, device=self.device)


@dataclass(frozen=True, eq=False)
class RidgePredictor:
    """Features of a network, times `scale`, through a ridge fit."""

    network: Network
    scale: float
    head: RidgeFit

    def predict(self, images: np.ndarray) -> np.ndarray:
        return self.head.predict(features(self.network, images) * self.scale)


@dataclass(frozen=True, eq=False)
class NetworkPredictor:
    """The class probabilities of a network."""

    network: Network

    def predict(self, images: np.ndarray) -> np.ndarray:
        return predict(self.network, images)


@dataclass(frozen=True)
class EnsemblePredictor:
    """The mean of what several predict: networks of unlike mixtures err on unlike images."""

    predictors: Sequence[Predictor]

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.mean([one.predict(images) for one in self.predictors], axis=0)


def _regression(network: Network, shots: LabelledSet) -> tuple[np.ndarray, np.ndarray, float]:
    """Scaled features (n, d) whose centred squared norm is 1 on average, one-hot labels (n, c), the scale."""
    z = features(network, shots.images).astype(np.float64)
    if not np.isfinite(z).all():
        raise TrainingFailedError("the network's features are not finite numbers; lower recipe.learning_rate")
    spread = float(np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean()))
    scale = 1.0 / spread if spread > 0 else 1.0
    return z * scale, one_hot(shots.labels, len(shots.classes)), scale
