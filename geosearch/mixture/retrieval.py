"""Retrieval: the source images nearest to the target's images, without maps and weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.neighbors import NearestNeighbors

from geosearch.errors import InvalidOptionError
from geosearch.mixture.anchors import Anchors
from geosearch.nn.streams import Batch, as_tensor, shuffled_rows
from geosearch.runtime.cache import content_key

SHARE = 0.25  # of the sources' images; not tuned
_MOST_NEIGHBORS = 256


@dataclass(frozen=True, eq=False)
class RetrievedPool:
    """Some images of the sources, as a stream with labels over the disjoint union of their classes.

    Every image is drawn equally often.

    Attributes:
        anchors: the sources.
        rows: for each source, increasing rows of its images in the anchors.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, one, other = (digits.take(range(i, i + 50)) for i in (0, 50, 100))
        >>> encoder = geosearch.Pixels().fit([one, other], seed=0, cache=None)
        >>> anchors = geosearch.build_anchors(target, [one, other], encoder)
        >>> pool = retrieve(anchors, target.images, share=0.2)
        >>> len(pool), pool.class_count
        (20, 20)
    """

    anchors: Anchors
    rows: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the labels: 'source/class', or what `Anchors.label_space` calls them."""
        return self.anchors.class_names

    @property
    def class_count(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, ch)"""
        return self.anchors.reference.shape

    @property
    def shares(self) -> np.ndarray:
        """(m,) the share of the images that is from each source."""
        return np.array([len(rows) for rows in self.rows]) / len(self)

    @property
    def key(self) -> str:
        """Content key: the anchors and the rows."""
        return content_key("retrieved-pool", anchors=self.anchors.key, rows=[rows.tolist() for rows in self.rows])

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless shuffled batches: images float32 (b, ch, h, w) in [0, 1], soft labels float32 (b, C)."""
        images, labels = self._samples
        for rows in shuffled_rows(len(self), size, rng):
            yield as_tensor(images[rows]).numpy(), labels[rows]

    @cached_property
    def _samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 (k, h, w, ch) and soft labels float32 (k, C), merged as in mixtures."""
        pairs = list(zip(self.anchors.sources, self.rows, strict=True))
        labels = np.zeros((len(self), sum(len(one.classes) for one in self.anchors.sources)), dtype=np.float32)
        row = column = 0
        for source, rows in pairs:
            width = len(source.classes)
            labels[row : row + len(rows), column : column + width] = source.labels[rows]
            row, column = row + len(rows), column + width
        return np.concatenate([source.images[rows] for source, rows in pairs]), self.anchors.merge_labels(labels)


def retrieve(anchors: Anchors, images: np.ndarray, *, share: float = SHARE) -> RetrievedPool:
    """The source images nearest to the target's images in the embedding of the anchors.

    Every image of the target is given its nearest source image, then every one its second nearest, and so on until
    there are enough. So all parts of the target are served alike, and a source has as many images as it has near ones.
    No labels are used, neither the target's nor the sources'.

    This is the plain method. That pretraining images are best chosen for the target is from Yan et al. 2020, who
    compare experts on them instead.

    Args:
        anchors: the sources. Equal images of a source count once.
        images: uint8 (n, h, w, ch), unlabelled images of the target.
        share: fraction in (0, 1] of all different source images.

    Raises:
        InvalidOptionError: share outside (0, 1], or no image of the target.
    """
    if not 0 < share <= 1:
        raise InvalidOptionError(f"share must lie in (0, 1], got {share}")
    if not len(images):
        raise InvalidOptionError("retrieval needs at least one image of the target, got none")
    different = [_first_rows(source.images) for source in anchors.sources]
    encode = anchors.encoder.encode
    candidates = [encode(source.images[rows]) for source, rows in zip(anchors.sources, different, strict=True)]
    places = nearest_rows(encode(images), np.concatenate(candidates), max(round(share * sum(map(len, different))), 1))
    ends = np.cumsum([len(rows) for rows in different])
    parts = np.split(places, np.searchsorted(places, ends[:-1]))
    starts = [0, *ends[:-1]]
    return RetrievedPool(
        anchors, tuple(rows[part - start] for rows, part, start in zip(different, parts, starts, strict=True))
    )


def nearest_rows(queries: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """`count` different rows of the candidates, as near to the queries as can be with as many rows for each of them.

    A row's place is given by the smallest rank that it has among the neighbors of a query, then by its distance there.
    Rows beyond the 256 nearest of all queries follow in the order of their distance to the mean query.

    Args:
        queries: (n, d).
        candidates: (p, d).
        count: at most p.

    Returns:
        int64 (count,), increasing.
    """
    p = len(candidates)
    index = NearestNeighbors(algorithm="brute").fit(candidates)
    k = min(max(4 * count // len(queries), 1), p)
    while True:
        distances, rows = index.kneighbors(queries, n_neighbors=k)  # (n, k)
        order = np.lexsort((distances.ravel(), np.tile(np.arange(k), len(queries))))
        found, first = np.unique(rows.ravel()[order], return_index=True)
        if len(found) >= count or k >= min(p, _MOST_NEIGHBORS):
            break
        k = min(2 * k, p, max(_MOST_NEIGHBORS, k))
    chosen = found[np.argsort(first)][:count]
    rest = np.setdiff1d(np.arange(p), found)
    far = ((candidates[rest] - queries.mean(0)) ** 2).sum(1)
    return np.sort(np.concatenate([chosen, rest[np.argsort(far, kind="stable")][: count - len(chosen)]]))


def _first_rows(images: np.ndarray) -> np.ndarray:
    """Increasing rows of the different images."""
    return np.sort(list({image.tobytes(): i for i, image in reversed(list(enumerate(images)))}.values()))
