"""ImportanceWeighting: samples weighed by how dense the target is where they are, anew in every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import nnls

from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.pretraining.sample_weighting import Samples, SampleWeighting, features_of_both, weighted_loss

_RIDGE = 1e-3  # on the kernel's diagonal of ones
_SUM = 1e3  # weight of the equation of the mean


@dataclass(frozen=True)
class ImportanceWeighting(SampleWeighting):
    """Train a network, weighting the samples of each batch so that their mean embedding is that of the clean ones.

    The weights estimate the ratio of the densities of clean samples to noisy ones by kernel mean matching, on the
    features that the network has at that step. The kernel is Gaussian in the features, with the median distance as its
    width, and 0 between different labels, so the ratio is that of images and labels jointly.

    Source: Fang et al. 2020 (dynamic importance weighting on hidden features, class by class). Ours: the classes are
    matched together, so that their shares are matched too.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Recipe, SmallConv
        >>> digits = geosearch.load("digits")
        >>> noisy, clean = digits.take(range(200)), digits.take(range(200, 300))
        >>> training = ImportanceWeighting(Recipe(SmallConv(4), steps=5)).train(noisy, clean, seed=0)
        >>> training.weights.shape
        (200,)
    """

    name: ClassVar[str] = "importance-weighted"

    def weigher(self, network: Network, data: LabelledSet, clean: LabelledSet, seed: int) -> DensityWeigher:
        return DensityWeigher(network, self.recipe.label_smoothing)


@dataclass(frozen=True, eq=False)
class DensityWeigher:
    """Weighs samples by kernel mean matching on the features of the network as it is."""

    network: Network
    smoothing: float

    learner: ClassVar[None] = None

    def loss(self, batch: Samples, clean: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        features, known = features_of_both(self.network, batch, clean)
        with torch.no_grad():
            among, towards = torch.cdist(features, features).square(), torch.cdist(features, known).square()
            width = among.median().clamp(min=1e-12)
            kernel = torch.exp(-among / width) * (batch.labels[:, None] == batch.labels)
            cross = torch.exp(-towards / width) * (batch.labels[:, None] == clean.labels)
            weights = torch.ones_like(width).expand(len(features))
            if kernel.isfinite().all() and cross.isfinite().all():  # else the loss tells that the training diverged
                found = match_kernel_means(kernel.double().cpu().numpy(), cross.double().cpu().numpy())
                weights = torch.from_numpy(found).to(features)
        return weighted_loss(self.network.head(features), batch.labels, weights, self.smoothing), weights


def match_kernel_means(kernel: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Weights (b,) >= 0 with mean 1 that bring the mean embedding of b samples nearest to that of k others.

    They minimise w' K w / 2 - w' c with c_i = b / k sum_j k(x_i, x'_j). It is a non-negative least squares problem in a
    factor of K, with a heavy equation for the mean. Source: Huang et al. 2007, eq. 12.

    Args:
        kernel: (b, b), of the samples with each other.
        cross: (b, k), with the others.

    >>> far = np.eye(4)[[0, 0, 0, 1]]  # three samples in one place, one in another
    >>> match_kernel_means(far @ far.T, far @ np.eye(4)[[0, 1]].T).round(2)
    array([0.67, 0.67, 0.67, 2.  ])
    """
    b = len(kernel)
    factor = np.linalg.cholesky(kernel + _RIDGE * np.eye(b))
    wanted = np.linalg.solve(factor, b * cross.mean(1))
    weights = nnls(np.vstack([factor.T, np.full((1, b), _SUM)]), np.append(wanted, _SUM * b), maxiter=30 * b)[0]
    return np.asarray(weights * (b / weights.sum()))
