"""Typical: the densest image of every cluster that has no label yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.acquisition.base import ACQUISITIONS, LabelState

_FEW_CLUSTERS = 50  # above, k-means takes batches, as in the source


@ACQUISITIONS.register(
    "typical",
    "the most typical image of each cluster without labels, the largest clusters first "
    "(TypiClust, Hacohen et al. 2022)",
)
@dataclass(frozen=True)
class Typical:
    """Cluster all images into as many clusters as there will be labels, and label the densest image of each new one.

    Clusters with the fewest labels come first, and among them the largest. Within a cluster, the image with the
    smallest mean distance to its nearest neighbours is chosen. It suits few labels, since no classifier is asked.

    Source: Hacohen et al. 2022 (TypiClust), sec. 3, with features of any network in place of self-supervised ones.

    Attributes:
        most_clusters: largest number of clusters.
        neighbours: nearest neighbours of the density, at most; in small clusters half of the cluster.
        smallest: clusters of fewer images are passed over while there are others.

    Example:
        >>> two = np.repeat([[0.0, 1.0], [1.0, 0.0]], [30, 10], axis=0)
        >>> state = LabelState(two, np.zeros((0, 2)), np.zeros(0, np.int64), class_count=2)
        >>> [int(row >= 30) for row in Typical().choose(state, 2, seed=0)]
        [0, 1]
    """

    most_clusters: int = 500
    neighbours: int = 20
    smallest: int = 5

    def choose(self, state: LabelState, count: int, *, seed: int) -> np.ndarray:
        """Rows (count,) of the unlabelled images, those of the largest clusters without labels first."""
        points = unit_rows(np.concatenate([state.labelled, state.unlabelled]))  # (k + n, d)
        k = len(state.labelled)
        cluster = self._cluster(points, k + count, seed)
        free = np.arange(k, len(points))
        members = {one: free[cluster[free] == one] for one in np.unique(cluster[free])}
        known = np.bincount(cluster[:k], minlength=cluster.max() + 1)
        sizes = np.bincount(cluster)
        order = sorted(members, key=lambda one: (sizes[one] < self.smallest, known[one], -sizes[one], one))
        queues = [members[one][self._by_density(points[members[one]])].tolist() for one in order]
        chosen: list[int] = []
        while len(chosen) < count:  # a round takes one image from each cluster
            large = [queue for one, queue in zip(order, queues, strict=True) if queue and sizes[one] >= self.smallest]
            for queue in (large or [queue for queue in queues if queue])[: count - len(chosen)]:
                chosen.append(queue.pop(0))
        return np.array(chosen, np.int64) - k

    def _cluster(self, points: np.ndarray, wanted: int, seed: int) -> np.ndarray:
        """Cluster number of every image, int (k + n,)."""
        from sklearn.cluster import KMeans, MiniBatchKMeans

        count = min(wanted, self.most_clusters, len(np.unique(points, axis=0)))
        start = seeds.integer(seed, "acquisition", "clusters") % 2**32
        if count <= _FEW_CLUSTERS:
            return KMeans(count, n_init=1, random_state=start).fit_predict(points)
        return MiniBatchKMeans(count, n_init=3, batch_size=5000, random_state=start).fit_predict(points)

    def _by_density(self, points: np.ndarray) -> np.ndarray:
        """Rows of a cluster's images (m, d), the densest first."""
        from sklearn.neighbors import NearestNeighbors

        near = min(self.neighbours, len(points) // 2)
        if near < 1:
            return np.arange(len(points))
        found, _ = NearestNeighbors(n_neighbors=near + 1).fit(points).kneighbors(points)  # itself is the first
        return np.argsort(found[:, 1:].mean(1), kind="stable")


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1: (n, d) -> float64 (n, d); rows of zeros stay."""
    points = np.asarray(features, np.float64)
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.where(norms > 0, norms, 1.0)
