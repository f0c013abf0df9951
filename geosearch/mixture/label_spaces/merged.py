"""MergedLabels: classes of different sources that mean the same are one label (MeLa)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Encoder
from geosearch.mixture.label_spaces.base import LABEL_SPACES, FittedLabelSpace, number_in_order, union_names

_COSTS = 40  # costs of a new label that are tried
_SWEEPS = 20  # over the sources, at most
_SHARES = np.concatenate([np.linspace(0, 0.98, 50), [0.99, 0.999]])  # of the variance that is between labels


@LABEL_SPACES.register(
    "merged",
    "those that look alike: global labels inferred by clustering the class means (MeLa, Wang et al. 2022), which found "
    "ten digits in four typefaces with the embedding patches alone",
)
@dataclass(frozen=True)
class MergedLabels:
    """Global labels, inferred from the means of the classes in the study's embedding; see `merge_classes`.

    A class without images keeps a label of its own. Embeddings that tell the sources apart ("source-classifier") merge
    fewer classes than "patches", "pca" or "pixels".

    Source: Wang et al. 2022 (MeLa), whose label inference this is, by the Hungarian method in place of nearest
    centroids. Ours: sources are data sets and not few-shot tasks, so each is centred first; the number of labels is
    chosen by held-out likelihood. The second round of the paper, pretraining with turned images as further classes, is
    `recipe.objective = "rotated-classes"`.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> halves = [digits.take(range(0, 800)), digits.take(range(800, 1600))]
        >>> space = MergedLabels().fit(halves, geosearch.Pixels().fit(halves, seed=0, cache=None))
        >>> len(space.groups), len(space.class_names)
        (20, 10)
    """

    def fit(self, sources: Sequence[LabelledSet], encoder: Encoder) -> FittedLabelSpace:
        """Encode the sources and merge their classes."""
        names = union_names(sources)
        groups, means, places, start = np.arange(len(names)), [], [], 0
        for source in sources:
            present = np.flatnonzero(np.bincount(source.labels, minlength=len(source.classes)))
            if len(present) > 1:
                features = encoder.encode(source.images)
                means.append(np.stack([features[source.labels == label].mean(0) for label in present]))
                places.append(start + present)
            start += len(source.classes)
        if len(means) > 1:
            groups[np.concatenate(places)] = len(names) + merge_classes(means)
        return FittedLabelSpace.of(names, groups.tolist())


def merge_classes(means: Sequence[np.ndarray]) -> np.ndarray:
    """Cluster the classes of several sources; two classes of one source are never in one cluster.

    Each source's class means are centred, which takes away what all its images have in common. Then the sources are
    assigned in turn: each class to the centroid of a cluster or, at a cost, to a new one, at the least sum of squared
    distances, until nothing changes. Of the costs that are tried, that with the fewest clusters is kept whose held-out
    likelihood, of every class given the others of its cluster, is within one standard error of the best. No classes are
    merged if that of no merging is within it.

    Source: Wang et al. 2022; the one-standard-error rule is that of Breiman et al. 1984.

    Args:
        means: for each of two or more sources the means (c, d) of its classes.

    Returns:
        int64 (C,), the cluster of each class.
    """
    rows = np.concatenate([one - one.mean(0) for one in means]).astype(np.float64)  # (C, d)
    left, scales, _ = np.linalg.svd(rows, full_matrices=False)
    points = (left * scales)[:, scales > 1e-6 * max(scales[0], 1e-12)]  # the same distances in fewer dimensions
    sources = np.repeat(np.arange(len(means)), [len(one) for one in means])
    if not points.size:
        return np.arange(len(rows))
    squared = cdist(points, points, "sqeuclidean")[sources[:, None] < sources]
    costs = [0.0, *np.quantile(squared, np.linspace(0, 1, _COSTS) ** 2), 2 * len(rows) * squared.max() + 1]
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for cost in costs:
        groups = _cluster(points, sources, float(cost))
        likelihood, count = held_out_likelihood(points, groups), int(groups.max()) + 1
        if count not in found or likelihood.sum() > found[count][0].sum():
            found[count] = likelihood, groups
    best = max((likelihood for likelihood, _ in found.values()), key=np.sum)
    disjoint, groups = found[len(rows)]
    if not _is_near(disjoint, best):
        groups = next(groups for _, (likelihood, groups) in sorted(found.items()) if _is_near(likelihood, best))
    return groups


def _is_near(likelihood: np.ndarray, best: np.ndarray) -> bool:
    """Whether the sum over the classes (C,) is within one standard error of that of the best."""
    lost = best - likelihood
    return bool(lost.sum() <= lost.std(ddof=1) * np.sqrt(len(lost)))


def held_out_likelihood(points: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Log-likelihood (C,) of every point given the others of its group.

    Groups have means N(0, r v), and points N(mean, (1 - r) v), in every dimension. Given n others, a point is
    N(w mean of the others, v (1 - r) (1 + w / n)) with w = n r / (n r + 1 - r), and N(0, v) if n = 0. The share r and
    the variance v are those of the largest sum.

    The groups were chosen with the point itself, so chance matches count as evidence: sources that have nothing in
    common lose some of their classes too.

    Args:
        points: (C, d), centred.
        groups: (C,)
    """
    d, others = points.shape[1], np.bincount(groups)[groups] - 1  # (C,)
    sums = np.zeros((groups.max() + 1, d))
    np.add.at(sums, groups, points)
    means = (sums[groups] - points) / np.maximum(others, 1)[:, None]
    results = []
    for r in _SHARES:
        ratio = r / (others * r + 1 - r)  # w / n
        spread = (1 - r) * (1 + ratio)
        residuals = ((points - (others * ratio)[:, None] * means) ** 2).sum(1)
        variance = max((residuals / spread).mean() / d, 1e-300)
        results.append(-0.5 * (d * np.log(2 * np.pi * variance * spread) + residuals / (variance * spread)))
    return np.asarray(max(results, key=np.sum))


def _cluster(points: np.ndarray, sources: np.ndarray, cost: float) -> np.ndarray:
    """Clusters (C,) of points (C, d) of the given sources (C,), where a new cluster has a cost."""
    turns = sorted(range(sources.max() + 1), key=lambda source: -np.count_nonzero(sources == source))
    groups = np.full(len(points), -1)
    before: list[int] = []
    for _ in range(_SWEEPS):
        for source in turns:
            rows = np.flatnonzero(sources == source)
            groups[rows] = -1
            groups[rows] = _assign(points, groups, rows, cost)
        now = number_in_order(groups.tolist())
        if now == before:
            break
        before = now
    return np.array(before)


def _assign(points: np.ndarray, groups: np.ndarray, rows: np.ndarray, cost: float) -> np.ndarray:
    """Clusters (b,) of the rows of one source; -1 in `groups` (C,) stands for no cluster yet."""
    known = np.unique(groups[groups >= 0])
    costs = np.full((len(rows), len(known) + len(rows)), cost)
    for column, group in enumerate(known):
        costs[:, column] = ((points[rows] - points[groups == group].mean(0)) ** 2).sum(1)
    chosen = linear_sum_assignment(costs)[1]
    names = np.concatenate([known, (known.max() + 1 if len(known) else 0) + np.arange(len(rows))])
    return names[chosen]
