"""Adaptations: how a pretrained network is put to work on the target's few labelled shots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from geosearch import seeds
from geosearch.cache import content_key
from geosearch.domain.dataset import LabelledSet
from geosearch.errors import DomainMismatch, InvalidOption, TrainingFailed
from geosearch.evaluate.leave_one_out import RidgeFit, leave_one_out, one_hot, ridge_fit
from geosearch.evaluate.network import Network
from geosearch.evaluate.recipe import VERSION, Augmentation, Recipe, facts_of
from geosearch.evaluate.train import features, fine_tune, predict


@dataclass(frozen=True)
class Score:
    """What a network is worth to the target, judged on the shots alone; smaller is better.

    Attributes:
        squared_error: mean squared distance of the predicted from the one-hot labels.
        top1_error: share of wrong classes, in [0, 1].
    """

    squared_error: float
    top1_error: float


class Predictor(Protocol):
    """A network adapted to the target."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> class scores (n, c); the largest wins."""
        ...


class Adaptation(Protocol):
    """How a pretrained network is adapted, and what it is worth so adapted."""

    @property
    def facts(self) -> dict[str, Any]: ...

    @property
    def key(self) -> str: ...

    def score(self, network: Network, shots: LabelledSet, seed: int) -> Score:
        """Cross-validated error on the shots; sees nothing else."""
        ...

    def fit(self, network: Network, shots: LabelledSet, seed: int) -> Predictor:
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
            takes the one with the least leave-one-out error.
    """

    ridge: float | None = None

    def __post_init__(self) -> None:
        if self.ridge is not None and not self.ridge > 0:
            raise InvalidOption(f"ridge must be greater than 0, or None to choose it, got {self.ridge}")

    def score(self, network: Network, shots: LabelledSet, seed: int) -> Score:
        z, y, _ = _regression(network, shots)
        result = leave_one_out(z, y, self.ridge)
        return Score(result.squared_error, result.top1_error)

    def fit(self, network: Network, shots: LabelledSet, seed: int) -> Predictor:
        z, y, scale = _regression(network, shots)
        ridge = self.ridge if self.ridge is not None else leave_one_out(z, y).ridge
        return RidgePredictor(network, scale, ridge_fit(z, y, ridge))


@dataclass(frozen=True)
class FineTune(_Option):
    """Every layer trained on augmented shots; its score is stratified cross-validation on the shots.

    Attributes:
        steps: optimizer steps.
        batch: images a step.
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        label_smoothing: share of each label spread over all classes.
        augmentation: random affine map per image and step.
        folds: parts of the cross-validation; at most as many as the smallest class has shots.
    """

    steps: int = 200
    batch: int = 50
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    label_smoothing: float = 0.1
    augmentation: Augmentation = field(default_factory=Augmentation)
    folds: int = 3

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InvalidOption(f"cross-validation needs at least 2 folds, got {self.folds}")
        self._recipe()  # refuses what it refuses

    def score(self, network: Network, shots: LabelledSet, seed: int) -> Score:
        return cross_validate(lambda part: self.fit(network, part, seed), shots, self.folds, seed)

    def fit(self, network: Network, shots: LabelledSet, seed: int) -> Predictor:
        return NetworkPredictor(fine_tune(network, shots, self._recipe(), seed))

    def _recipe(self) -> Recipe:
        return Recipe(
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=self.augmentation,
        )


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


def cross_validate(fit: Callable[[LabelledSet], Predictor], shots: LabelledSet, folds: int, seed: int) -> Score:
    """Errors on each part of the shots of a predictor fitted to the other parts, averaged over all shots."""
    target = one_hot(shots.labels, len(shots.classes))
    prediction = np.empty_like(target)
    for fitted, left_out in stratified_folds(shots.labels, folds, seeds.stream(seed, "folds")):
        prediction[left_out] = fit(shots.take(fitted)).predict(shots.images[left_out])
    return error_of(prediction, target)


def error_of(prediction: np.ndarray, target: np.ndarray) -> Score:
    """Score of class scores (n, c) against one-hot targets (n, c)."""
    squared = ((prediction - target) ** 2).sum(1)
    wrong = prediction.argmax(1) != target.argmax(1)
    return Score(float(squared.mean()), float(wrong.mean()))


def stratified_folds(
    labels: np.ndarray, folds: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit, rows left out) for each fold; every class is spread evenly over the folds.

    Raises:
        DomainMismatch: a class has one shot only, so that nothing is left to fit when it is left out.
    """
    smallest = int(np.bincount(labels).min())
    if smallest < 2:
        raise DomainMismatch("cross-validation needs at least two shots of every class, got 1; raise domain.shots")
    folds = min(folds, smallest)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        fold[rows] = np.arange(len(rows)) % folds
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _regression(network: Network, shots: LabelledSet) -> tuple[np.ndarray, np.ndarray, float]:
    """Scaled features (n, d) whose centred squared norm is 1 on average, one-hot labels (n, c), the scale."""
    z = features(network, shots.images).astype(np.float64)
    if not np.isfinite(z).all():
        raise TrainingFailed("the network's features are not finite numbers; lower recipe.learning_rate")
    spread = float(np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean()))
    scale = 1.0 / spread if spread > 0 else 1.0
    return z * scale, one_hot(shots.labels, len(shots.classes)), scale
