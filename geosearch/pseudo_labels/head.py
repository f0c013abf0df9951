"""HeadLabelling: labels of the target by a head on the embedding; nothing has to be pretrained on the sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.head_choice import RIDGE, HeadChoice
from geosearch.adaptation.ridge import RidgeFit, fit_ridge
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge, confidence
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Labeller
from geosearch.embeddings.base import Encoder
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.base import TARGET_LABELLINGS
from geosearch.pseudo_labels.nearest import chunks
from geosearch.transport.solvers.class_balance import allocate, class_factors


@TARGET_LABELLINGS.register(
    "head", "by a ridge head on the embedding, self-trained unless cross-validation is clearly against it"
)
@dataclass(frozen=True)
class HeadLabelling:
    """Fit a ridge head to the shots in the embedding, or one that trains itself on the unlabelled images as well.

    Cross-validation on the shots chooses between them, see `HeadChoice`. Nothing is trained on the sources. In the
    features of a pretrained network, over six targets, its labels were wrong as often as those of an ensemble of
    networks, within the interval, on one of them more often (reports/photographs.md).

    Source: Lee 2013 (pseudo-labels), as in `SelfTrainedRidge`.

    Attributes:
        balance: in [0, 1]; 0 leaves the predicted class frequencies as they are, 1 makes them equal, see
            `class_factors`.
        folds: of the cross-validation; never more than the largest class has shots.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings.pixels import PixelEncoder
        >>> digits = geosearch.load("digits")
        >>> labeller = HeadLabelling().fit(digits.take(range(100)), digits.images[100:], PixelEncoder())
        >>> bool((labeller(digits.images[100:]) == digits.labels[100:]).mean() > 0.7)
        True
    """

    balance: float = 0.5
    folds: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1 or self.folds < 2:
            raise InvalidOptionError(
                f"HeadLabelling needs a balance in [0, 1] and 2 folds or more, got {self.balance} and {self.folds}"
            )

    def fit(self, shots: LabelledSet, unlabelled: np.ndarray, encoder: Encoder) -> Labeller:
        """Fit the head to the shots and all unlabelled images (n, h, w, ch)."""
        z, u = _encode(encoder, shots.images), _encode(encoder, unlabelled)
        labels, classes = shots.labels, len(shots.classes)
        self_trained = SelfTrainedRidge(balance=self.balance, folds=self.folds)
        is_plain = HeadChoice.by_cross_validation(z, labels, u, classes, self_trained, seed=0).name == RIDGE
        head, scale = fit_ridge(z, labels, classes) if is_plain else self_trained.train(z, labels, u, classes)
        scores = head.predict(u * scale)
        deviation = float(scores.std())
        factors = class_factors(confidence(scores, deviation), self.balance)
        return HeadLabeller(encoder, head, scale, deviation, factors)


@dataclass(frozen=True, eq=False)
class HeadLabeller:
    """The class with the largest score of a head.

    Attributes:
        encoder: gives the features.
        head: the regression on scaled features.
        scale: factor on the features.
        deviation: standard deviation of its scores.
        factors: float64 (c,), factors on the class scores.
    """

    encoder: Encoder
    head: RidgeFit
    scale: float
    deviation: float
    factors: np.ndarray

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Pseudo-labels of images: uint8 (n, h, w, ch) -> int64 (n,)."""
        if not len(images):
            return np.empty(0, np.int64)
        scores = self.head.predict(_encode(self.encoder, images) * self.scale)
        return np.asarray(allocate(confidence(scores, self.deviation), self.factors).argmax(1))


def _encode(encoder: Encoder, images: np.ndarray) -> np.ndarray:
    """float64 (n, d)"""
    return np.concatenate([encoder.encode(chunk) for chunk in chunks(images)]).astype(np.float64)
