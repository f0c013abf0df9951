"""G2L (geometry to labels): pseudo-labels from the distances of images to classes of labelled sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pca import PCA
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.base import PSEUDO_LABELLERS
from geosearch.pseudo_labels.divergence import feature_distributions, jensen_shannon_divergences, mean_distribution
from geosearch.pseudo_labels.g2l_rules import LabelRule, NearestAnchorRule
from geosearch.pseudo_labels.hypervolume import Simplex, greedy_simplex
from geosearch.runtime.cache import Cache
from geosearch.runtime.registry import setting


@PSEUDO_LABELLERS.register("g2l", "by geometry between the classes of the other sources")
@dataclass(frozen=True)
class G2L:
    """Label a data set by the distances of its images to classes of labelled sets; see `g2l_labels`.

    Attributes:
        labels: number of labels.
        rule: how distances become labels.
        keep: number of anchors that are kept; as many as the rule needs if None.
        embedding: the features in which images are compared; fitted to the labelled sets.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> known = digits.take(range(500))
        >>> unlabelled = geosearch.UnlabelledSet.of(digits.take(range(500, 1000)))
        >>> labelled = G2L(labels=5).label(unlabelled, [known], seed=0, cache=Cache.default())
        >>> labelled.classes
        ('pseudo-0', 'pseudo-1', 'pseudo-2', 'pseudo-3', 'pseudo-4')
    """

    labels: int = setting(10, "label_count", "Pseudo-labels of each such source.", ge=2)
    rule: LabelRule = field(default_factory=NearestAnchorRule)
    keep: int | None = None
    embedding: Embedding = field(default_factory=PCA)

    @property
    def how(self) -> str:
        """A short description, for cards and reports."""
        return f"G2L by {self.rule.name}, {self.labels} labels"

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image; equal images, sets and seeds give equal labels.

        Args:
            data: the images to label.
            known: labelled sets whose classes are the anchors, with images of the same shape.
            seed: seed of the embedding.
            cache: keeps the fitted embedding.

        Raises:
            InvalidOptionError: no labelled set, or more labels than images.
        """
        if not known:
            raise InvalidOptionError(
                f"set '{data.name}' cannot be labelled by geometry without a labelled set whose classes are its "
                'anchors; add one (--anchor), or use clusters (domain.pseudo_labeller = "clusters", --by clusters)'
            )
        encoder = self.embedding.fit(known, seed=seed, cache=cache)
        classes = [(one, label) for one in known for label in np.unique(one.labels)]
        anchors = [encoder.encode(one.images[one.labels == label]) for one, label in classes]
        result = g2l_labels(encoder.encode(data.images), anchors, labels=self.labels, rule=self.rule, keep=self.keep)
        kept = [f"{one.name}/{one.classes[label]}" for one, label in (classes[i] for i in result.anchors.points)]
        count = int(result.labels.max()) + 1
        by = f"G2L by {self.rule.name}, {count} labels from {len(kept)} anchor classes: {', '.join(kept)}"
        return data.with_labels(result.labels, by)


@dataclass(frozen=True, eq=False)
class G2LLabels:
    """Pseudo-labels, and the anchors and distances that they were made from.

    Attributes:
        labels: int64 (n,), 0..c-1 without gaps.
        anchors: the simplex of the anchors kept; its points number the anchors that were given.
        distances: float64 (n, k) in [0, 1], from each image to each anchor kept.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
        >>> g2l_labels(features, [features[:1], features[1:2]], labels=2).labels
        array([0, 1, 0])
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
) -> G2LLabels:
    """Label images by their distances to a few anchors that are far from each other.

    Images become distributions by `feature_distributions`, an anchor the mean distribution of its images. Distances
    are square roots of Jensen-Shannon divergences. The anchors kept span a simplex of large hypervolume and are
    chosen greedily; `rule` turns the distances to them into labels. Nothing is random.

    Source: Kender et al. 2022 (G2L) for labels grown greedily by hypervolume. Our choices: how features become
    distributions, classes of labelled sets as anchors, the Cholesky decomposition in place of determinants, and the
    rules.

    Args:
        features: (n, d), the images in some embedding.
        anchors: features (n_i, d) of each anchor in the same embedding; at least two anchors.
        labels: number of labels, at least 2; fewer result if the distances do not distinguish as many.
        rule: `NearestAnchorRule()` if None.
        keep: number of anchors that are kept; as many as the rule needs if None.

    Raises:
        InvalidOptionError: fewer than two anchors or labels, or more labels than images.
        InvalidDataError: features that are NaN or infinite.
    """
    rule = rule or NearestAnchorRule()
    _check(len(features), len(anchors), labels, keep)
    means = np.stack([mean_distribution(anchor) for anchor in anchors])  # (a, 2 d)
    simplex = greedy_simplex(jensen_shannon_divergences(means, means), keep or max(rule.anchor_count(labels), 2))
    images = feature_distributions(features)
    distances = np.sqrt(jensen_shannon_divergences(images, means[simplex.points]))  # (n, k)
    _, numbers = np.unique(rule.assign(distances, labels), return_inverse=True)
    return G2LLabels(numbers.astype(np.int64), simplex, distances)


def _check(images: int, anchors: int, labels: int, keep: int | None) -> None:
    if anchors < 2:
        raise InvalidOptionError(
            f"labels from geometry need at least two anchors, got {anchors}; give labelled sets with more classes, "
            "or label by clusters"
        )
    if not 2 <= labels <= images:
        raise InvalidOptionError(f"expected a number of labels from 2 to {images}, the number of images; got {labels}")
    if keep is not None and keep < 2:
        raise InvalidOptionError(f"at least two anchors must be kept, got {keep}")
