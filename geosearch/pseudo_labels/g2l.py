"""Geometry labels (G2L): pseudo-labels from where images lie between sets of labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.divergence import distributions, mean_distribution, squared_distances
from geosearch.pseudo_labels.g2l_rules import LabelRule, Order
from geosearch.pseudo_labels.hypervolume import Simplex, greedy_simplex


@dataclass(frozen=True, eq=False)
class GeometryLabels:
    """Pseudo-labels, and what they are relative to.

    Attributes:
        labels: int64 (n,), numbers 0..c-1 without gaps.
        anchors: the anchors chosen, as places in the list that was given, and the simplex they span.
        distances: float64 (n, k), of each image to each chosen anchor; in [0, 1].
    """

    labels: np.ndarray
    anchors: Simplex
    distances: np.ndarray


def g2l_labels(
    features: np.ndarray,
    anchors: Sequence[np.ndarray],
    *,
    labels: int = 10,
    rule: LabelRule | None = None,
    keep: int | None = None,
) -> GeometryLabels:
    """Label images by their distances to a few sets of labelled images that lie as far apart as can be.

    Each image is a distribution over features, each anchor set the mean of its images' distributions
    (`divergence.distributions`); distances are square roots of Jensen-Shannon divergences. Of the anchors those are
    kept that span the simplex of greatest content, chosen greedily; `rule` makes labels of the distances to them.
    Nothing is random.

    Source: Kender et al. 2022 (G2L) for labels grown greedily by hypervolume content. Ours, not the paper's: how
    features become distributions, anchors that are classes of the other sources, the pivoted Cholesky decomposition
    in place of determinants, and the rules.

    Args:
        features: (n, d) of the images, in some embedding.
        anchors: features (n_i, d) of each anchor set, in the same embedding; at least two.
        labels: how many labels are wanted, at least 2; there are fewer when the geometry gives no more.
        rule: `Order()` if None, or `Bins()`.
        keep: anchors kept; as many as the rule wants if None.

    Raises:
        InvalidOptionError: fewer than two anchors, labels or images, or more labels than images.
    """
    rule = rule or Order()
    _check(len(features), len(anchors), labels, keep)
    means = np.stack([mean_distribution(anchor) for anchor in anchors])  # (a, 2 d)
    chosen = greedy_simplex(squared_distances(means, means), keep or max(rule.anchors_for(labels), 2))
    images = distributions(features)
    distances = np.sqrt(squared_distances(images, means[chosen.points]))  # (n, k)
    _, numbers = np.unique(rule.assign(distances, labels), return_inverse=True)
    return GeometryLabels(numbers.astype(np.int64), chosen, distances)


def _check(images: int, anchors: int, labels: int, keep: int | None) -> None:
    if anchors < 2:
        raise InvalidOptionError(
            f"labels from geometry need at least two anchor sets, got {anchors}; give classes of labelled sets, "
            "or label by clusters"
        )
    if not 2 <= labels <= images:
        raise InvalidOptionError(f"expected a number of labels from 2 to {images}, the number of images; got {labels}")
    if keep is not None and keep < 2:
        raise InvalidOptionError(f"at least two anchors must be kept, got {keep}")
