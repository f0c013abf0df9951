"""Clusters: the pseudo-label of an image is its k-means cluster; the baseline of G2L."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pca import PCA
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.base import PSEUDO_LABELLERS
from geosearch.runtime.cache import Cache
from geosearch.runtime.registry import setting


@PSEUDO_LABELLERS.register("clusters", "by k-means")
@dataclass(frozen=True)
class Clusters:
    """Label a data set by k-means clusters in an embedding, by scikit-learn.

    Attributes:
        labels: number of clusters.
        starts: number of initializations; the one with the smallest inertia is kept.
        embedding: the features that are clustered; fitted to the labelled sets, or to the images themselves if there
            are none.

    Example:
        >>> import geosearch
        >>> unlabelled = geosearch.UnlabelledSet.of(geosearch.load("digits").take(range(500)))
        >>> Clusters(labels=3).label(unlabelled, [], seed=0, cache=Cache.default()).classes
        ('pseudo-0', 'pseudo-1', 'pseudo-2')
    """

    labels: int = setting(10, "label_count", "Pseudo-labels of each such source.", ge=2)
    starts: int = 4
    embedding: Embedding = field(default_factory=PCA)

    @property
    def how(self) -> str:
        """A short description, for cards and reports."""
        return f"k-means, {self.labels} labels"

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        """Label every image by its cluster; equal images, sets and seeds give equal labels.

        Args:
            data: the images to label.
            known: labelled sets that the embedding is fitted to, with images of the same shape; may be empty.
            seed: seed of the embedding and of k-means.
            cache: keeps the fitted embedding.

        Raises:
            InvalidOptionError: fewer than two labels, or more labels than images.
        """
        from sklearn.cluster import KMeans

        if not 2 <= self.labels <= len(data):
            raise InvalidOptionError(
                f"set '{data.name}': expected a number of labels from 2 to {len(data)}, the number of its images; "
                f"got {self.labels}"
            )
        encoder = self.embedding.fit(known or [data.as_one_class()], seed=seed, cache=cache)
        start = seeds.integer(seed, "clusters", data.name) % 2**32
        model = KMeans(self.labels, n_init=self.starts, random_state=start)
        return data.with_labels(model.fit_predict(encoder.encode(data.images)), self.how)
