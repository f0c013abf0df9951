"""DomainWeighting: samples weighed once, before the training, by a classifier that tells clean ones from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.train import features
from geosearch.pretraining.sample_weighting import Samples, SampleWeighting, scale_to_mean_one, weighted_loss

_PENALTY = (
    1000.0  # of the classifier, per standardized feature; weaker ones separate a few dozen clean samples by chance
)
_FOLDS = 5
_MOST = np.log(50.0)  # of the logarithm of a ratio, either way


@dataclass(frozen=True)
class DomainWeighting(SampleWeighting):
    """Train a network, weighting each sample by the odds that a classifier gives it for being a clean one.

    The static form of `ImportanceWeighting`, and its baseline. With balanced classes the odds that an image is a clean
    one estimate the ratio of the densities of clean images to those of the data. The classifier is a logistic
    regression on the features of the network before its training (random ones if it is new); each sample is judged by
    one that was not fitted to it. No label is read, so wrong labels are not found.

    Source: Bickel et al. 2007 (the ratio by discrimination). Xie et al. 2023 (DSIR) select pretraining data by such a
    ratio; there it is that of two models of hashed n-grams, and samples are drawn with these chances. Ours: the ratio
    is a weight in the loss, which gives the same gradient on average.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Recipe, SmallConv
        >>> digits = geosearch.load("digits")
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = DomainWeighting(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    name: ClassVar[str] = "domain-weighted"

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> RatioWeigher:
        ratios = density_ratios(features(network, data.images), features(network, clean.images))
        return RatioWeigher(network, torch.from_numpy(ratios).float(), self.recipe.label_smoothing)


@dataclass(frozen=True, eq=False)
class RatioWeigher:
    """Weighs samples by ratios (n,) that are known beforehand."""

    network: Network
    ratios: torch.Tensor
    smoothing: float

    learner: ClassVar[None] = None

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        weights = scale_to_mean_one(self.ratios[batch.rows].to(batch.images.device))
        return weighted_loss(self.network(batch.images), batch.labels, weights, self.smoothing), weights


def density_ratios(data: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Ratios (n,) of the density of clean samples to that of the data, at the data, from features (n, d) and (k, d)."""
    both, is_clean = np.concatenate([data, clean]), np.repeat([False, True], [len(data), len(clean)])
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=1 / _PENALTY, class_weight="balanced", max_iter=500)
    )
    folds = min(_FOLDS, len(data), len(clean))
    if folds < 2:
        return np.ones(len(data))
    scores = cross_val_predict(classifier, both, is_clean, cv=folds, method="decision_function")[: len(data)]
    return np.exp(np.clip(scores, -_MOST, _MOST))
