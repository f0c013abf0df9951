"""Labelling: the ways in which a set without labels gets pseudo-labels, as option objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.base import PCA, Embedding
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.g2l import g2l_labels
from geosearch.pseudo_labels.g2l_rules import LabelRule, Order
from geosearch.runtime.cache import Cache


@dataclass(frozen=True)
class G2L:
    """Labels from the geometry between the classes of the labelled sets; see `g2l_labels`.

    Attributes:
        labels: how many.
        rule: how distances become labels.
        keep: anchors kept; as many as the rule wants if None.
        embedding: whose features are compared; fitted on the labelled sets.
    """

    labels: int = 10
    rule: LabelRule = field(default_factory=Order)
    keep: int | None = None
    embedding: Embedding = field(default_factory=PCA)

    @property
    def how(self) -> str:
        return f"G2L by {self.rule.name}, {self.labels} labels"

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image; the same images and anchors give the same labels.

        Raises:
            InvalidOptionError: no labelled set to take anchors from, or more labels than images.
        """
        if not known:
            raise InvalidOptionError(
                f"set '{data.name}' cannot be labelled by geometry without a labelled set whose classes are its "
                'anchors; add one (--anchor), or take clusters (domain.labels = "clusters", --by clusters)'
            )
        encoder = self.embedding.fit(known, seed=seed, cache=cache)
        classes = [(one, label) for one in known for label in np.unique(one.labels)]
        anchors = [encoder.encode(one.images[one.labels == label]) for one, label in classes]
        found = g2l_labels(encoder.encode(data.images), anchors, labels=self.labels, rule=self.rule, keep=self.keep)
        chosen = [f"{one.name}/{one.classes[label]}" for one, label in (classes[i] for i in found.anchors.points)]
        count = int(found.labels.max()) + 1
        by = f"G2L by {self.rule.name}, {count} labels from {len(chosen)} anchor classes: {', '.join(chosen)}"
        return data.labelled(found.labels, by)


@dataclass(frozen=True)
class Clusters:
    """k-means in the embedding: the baseline of G2L. By scikit-learn.

    Attributes:
        labels: how many.
        starts: initial centres tried; the best result is kept.
        embedding: fitted on the labelled sets, or on the images themselves where there is none.
    """

    labels: int = 10
    starts: int = 4
    embedding: Embedding = field(default_factory=PCA)

    @property
    def how(self) -> str:
        return f"k-means, {self.labels} labels"

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image by its cluster."""
        from sklearn.cluster import KMeans

        if not 2 <= self.labels <= len(data):
            raise InvalidOptionError(
                f"set '{data.name}': expected a number of labels from 2 to {len(data)}, the number of its images; "
                f"got {self.labels}"
            )
        encoder = self.embedding.fit(known or [data.as_one_class()], seed=seed, cache=cache)
        start = seeds.integer(seed, "clusters", data.name) % 2**32
        model = KMeans(self.labels, n_init=self.starts, random_state=start)
        return data.labelled(model.fit_predict(encoder.encode(data.images)), self.how)
