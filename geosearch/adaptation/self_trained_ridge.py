"""SelfTrainedRidge: a ridge head fitted to the shots and to unlabelled images under its own confident labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from geosearch.adaptation.base import ADAPTATIONS, AdaptationOptions, Predictor, Score, facts_with_images
from geosearch.adaptation.cross_validation import score_left_out
from geosearch.adaptation.ridge import (
    RidgeFit,
    RidgePredictor,
    finite_features,
    fit_ridge,
    one_hot,
    unit_scale,
)
from geosearch.adaptation.self_training import top_confident
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream
from geosearch.transport.solvers.class_balance import allocate, class_factors

_SHARPNESS = 2.0  # of the softmax of class scores, in units of their standard deviation


@ADAPTATIONS.register("self-train-ridge", "frozen features with a ridge head, fitted to unlabelled images too")
@dataclass(frozen=True, eq=False)
class SelfTrainedRidge(AdaptationOptions):
    """Fit a ridge head to the shots; then, several times, to the shots and to the images that it is sure of.

    No network is trained: a fit takes about a second. Its settings are those of reports/photographs.md.

    Source: Lee 2013 (pseudo-labels), with the balance of Tai, Bailis & Valiant 2021.

    Attributes:
        unlabelled: images of the target, of which the first `most` are used; needed to fit.
        balance: in [0, 1]; 0 leaves the predicted class frequencies as they are, 1 makes them equal, see
            `class_factors`.
        fraction: in (0, 1], of the images of each predicted class that is used, the most confident first.
        rounds: times that the head is fitted again.
        ridge: penalty of these heads, in units of the mean squared norm of the centred features; the first selects its
            own.
        folds: of the cross-validation; never more than the largest class has shots.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> adaptation = SelfTrainedRidge(geosearch.UnlabelledSet.of(digits.take(range(50, 250))))
        >>> adaptation.fit(network, digits.take(range(50)), seed=0).predict(digits.images[:5]).shape
        (5, 10)
    """

    unlabelled: UnlabelledSet | None = None
    balance: float = 0.5
    fraction: float = 0.8
    rounds: int = 4
    ridge: float = 3.0
    folds: int = 5
    most: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1 or not 0 < self.fraction <= 1 or not self.ridge > 0:
            raise InvalidOptionError(
                "SelfTrainedRidge needs balance in [0, 1], fraction in (0, 1] and ridge > 0, got "
                f"{self.balance}, {self.fraction} and {self.ridge}"
            )
        if self.rounds < 0 or self.folds < 2 or self.most < 1:
            raise InvalidOptionError(
                "SelfTrainedRidge needs rounds >= 0, folds >= 2 and most >= 1, got "
                f"{self.rounds}, {self.folds} and {self.most}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent; the images by their fingerprint."""
        return facts_with_images(self, self.unlabelled)

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Cross-validated error on the shots; those of a fold are among the unlabelled images when they are left out.

        Raises:
            DomainMismatchError: no class has two shots.
            InvalidOptionError: `unlabelled` is None.
            TrainingFailedError: the features are NaN or infinite.
        """
        z, u = self.features(network, shots)
        labels, classes = shots.labels, len(shots.classes)
        predict = partial(self.predict_left_out, z, labels, u, classes)
        return score_left_out(predict, labels, classes, self.folds, seed)

    def predict_left_out(
        self, z: np.ndarray, labels: np.ndarray, u: np.ndarray, classes: int, rows: np.ndarray, left_out: np.ndarray
    ) -> np.ndarray:
        """Class scores (k, c) of labelled features that are left out, which are among the unlabelled ones.

        Args:
            z, labels, u, classes: as for `train`.
            rows, left_out: numbers of the rows of `z` to fit to, and to predict.
        """
        head, scale = self.train(z[rows], labels[rows], np.concatenate([u, z[left_out]]), classes)
        return head.predict(z[left_out] * scale)

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Fit to all shots; `seed` and `mixture` have no effect.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            TrainingFailedError: the features are NaN or infinite.
        """
        z, u = self.features(network, shots)
        head, scale = self.train(z, shots.labels, u, len(shots.classes))
        return RidgePredictor(network, scale, head)

    def features(self, network: Network, shots: LabelledSet) -> tuple[np.ndarray, np.ndarray]:
        """float64 (n, d) of the shots, (m, d) of the unlabelled images.

        Raises:
            InvalidOptionError: `unlabelled` is None.
            TrainingFailedError: the features are NaN or infinite.
        """
        if self.unlabelled is None:
            raise InvalidOptionError("SelfTrainedRidge needs images of the target; pass unlabelled=")
        images = self.unlabelled.images[: self.most]
        return finite_features(network, shots.images), finite_features(network, images)

    def train(self, z: np.ndarray, labels: np.ndarray, u: np.ndarray, classes: int) -> tuple[RidgeFit, float]:
        """The last head, and the factor on its features.

        Args:
            z: float64 (n, d), features.
            labels: int64 (n,), their classes.
            u: float64 (m, d), features of unlabelled images.
            classes: c, the number of classes.
        """
        y = one_hot(labels, classes)
        head, scale = fit_ridge(z, labels, classes)
        for _ in range(self.rounds):
            scores = head.predict(u * scale)
            scores = confidence(scores, float(scores.std()))
            scores = allocate(scores, class_factors(scores, self.balance))
            rows = top_confident(scores, self.fraction)
            both = np.concatenate([z, u[rows]])
            scale = unit_scale(both)
            head = _solve(both * scale, np.concatenate([y, one_hot(scores[rows].argmax(1), classes)]), self.ridge)
        return head, scale


def confidence(scores: np.ndarray, deviation: float) -> np.ndarray:
    """Scores (n, c) of a regression as probabilities.

    Args:
        deviation: standard deviation of the scores of many images.
    """
    x = _SHARPNESS * scores / max(deviation, 1e-12)
    powers = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _solve(z: np.ndarray, y: np.ndarray, ridge: float) -> RidgeFit:
    """As `ridge_fit`, by the smaller of the two normal equations: many images need no decomposition.  (n, d), (n, c)"""
    mean_z, mean_y = z.mean(0), y.mean(0)
    x, t = z - mean_z, y - mean_y
    n, d = x.shape
    if n < d:
        weight = x.T @ cho_solve(cho_factor(x @ x.T + ridge * np.eye(n)), t)
    else:
        weight = cho_solve(cho_factor(x.T @ x + ridge * np.eye(d)), x.T @ t)
    return RidgeFit(weight, mean_y - mean_z @ weight)
