"""PrototypeHead: the nearest class prototype in frozen features; prototypes may withstand shots with wrong labels."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from geosearch.adaptation.base import ADAPTATIONS, AdaptationOptions, Predictor, Score
from geosearch.adaptation.cross_validation import cross_validate
from geosearch.adaptation.predictors import NetworkPredictor
from geosearch.adaptation.ridge import finite_features, unit_scale
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream
from geosearch.runtime.registry import Choice

TEMPERATURE = 5.0  # factor on squared distances, in units of the mean squared norm of the centred features
ABSENT = -1e4  # logit of a class without shots


class PrototypeRule(Protocol):
    """From features (n, d) and their labels (n,) to one prototype of each class that occurs, in ascending order."""

    def prototypes(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray: ...


class Robust(Protocol):
    """How prototypes withstand wrong labels."""

    def rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        """The rule for shots like these.

        Args:
            network: gives the features.
            shots: say how many classes and how many images of each there are.
            seed: seed of a rule that is learned.
            mixture: the stream that the network was pretrained on, which a rule may learn from.
        """
        ...


ROBUST: Choice[Robust] = Choice(
    "recipe.robust",
    default=None,
    meaning='How the prototypes of recipe.adaptation = "prototypes" withstand wrong labels; means if left out.',
    room="geosearch.adaptation",
)


@ADAPTATIONS.register("prototypes", "frozen features, the nearest class prototype (Snell et al. 2017)")
@dataclass(frozen=True)
class PrototypeHead(AdaptationOptions):
    """Classify by the nearest class prototype in the features of the frozen network.

    Features are centred on the shots and scaled to a mean squared norm of 1. Class probabilities are a softmax of
    negative squared distances, which is a linear head. The score is a stratified cross-validation.

    Source: Snell et al. 2017 (prototypical networks), with features that are not trained by episodes.

    Attributes:
        robust: what makes the prototypes; None for the means of the classes.
        folds: folds of the cross-validation; never more than the largest class has shots.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = PrototypeHead().fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    robust: Robust | None = None
    folds: int = 5

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InvalidOptionError(f"cross-validation needs at least 2 folds, got {self.folds}")

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Cross-validated error on the shots; a rule that is learned is learned once.

        Raises:
            DomainMismatchError: no class has two shots.
            TrainingFailedError: the features are NaN or infinite.
        """
        rule = self._rule(network, shots, seed, mixture)
        return cross_validate(lambda part: _fit(network, part, rule), shots, self.folds, seed)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Prototypes of all shots.

        Raises:
            TrainingFailedError: the features are NaN or infinite.
        """
        return _fit(network, shots, self._rule(network, shots, seed, mixture))

    def _rule(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> PrototypeRule:
        return self.robust.rule(network, shots, seed, mixture) if self.robust else MeanPrototypes()


class MeanPrototypes:
    """The mean of every class.

    >>> MeanPrototypes().prototypes(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1])).ravel()
    array([1., 5.])
    """

    def prototypes(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.stack([features[labels == label].mean(0) for label in np.unique(labels)])


def standardize(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Features (n, d) centred and scaled to a mean squared norm of 1, their centre (d,) and the scale."""
    centre = features.mean(0)
    scale = unit_scale(features)
    return (features - centre) * scale, centre, scale


def _fit(network: Network, shots: LabelledSet, rule: PrototypeRule) -> NetworkPredictor:
    """-T |z - p|^2 is, up to a term that all classes share, linear in z."""
    z, centre, scale = standardize(finite_features(network, shots.images))
    prototypes = rule.prototypes(z, shots.labels)  # (present classes, d)
    weight = np.zeros((len(shots.classes), z.shape[1]))
    bias = np.full(len(shots.classes), ABSENT)
    present = np.unique(shots.labels)
    weight[present] = 2 * TEMPERATURE * scale * prototypes
    bias[present] = -TEMPERATURE * (prototypes**2).sum(1) - weight[present] @ centre
    adapted = copy.deepcopy(network)
    adapted.head = nn.utils.skip_init(nn.Linear, *weight.T.shape)
    with torch.no_grad():
        adapted.head.weight.copy_(torch.from_numpy(weight))
        adapted.head.bias.copy_(torch.from_numpy(bias))
    return NetworkPredictor(adapted.to(network.head.weight.device).eval())
