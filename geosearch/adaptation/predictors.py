"""Predictors: class probabilities of one network, or averaged over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.adaptation.base import Predictor
from geosearch.nn.networks import Network
from geosearch.nn.train import predict


@dataclass(frozen=True, eq=False)
class NetworkPredictor:
    """The class probabilities of a network.

    Attributes:
        network: a network whose head has the target's classes.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> NetworkPredictor(network).predict(digits.images[:5]).shape
        (5, 10)
    """

    network: Network

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities of images: uint8 (n, h, w, ch) -> float32 (n, c)."""
        return predict(self.network, images)


@dataclass(frozen=True)
class EnsemblePredictor:
    """The mean prediction of several predictors, which is usually more accurate than any one of them.

    Attributes:
        predictors: at least one, all with the same classes.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> members = [NetworkPredictor(SmallConv(4).build(1, 8, 10, seed)) for seed in range(3)]
        >>> EnsemblePredictor(members).predict(digits.images[:5]).shape
        (5, 10)
    """

    predictors: Sequence[Predictor]

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Mean class scores of images: uint8 (n, h, w, ch) -> (n, c)."""
        return np.mean([one.predict(images) for one in self.predictors], axis=0)
