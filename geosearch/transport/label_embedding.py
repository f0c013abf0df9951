"""Label vectors: an embedding of classes whose squared distances approximate a table of label distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from geosearch.runtime import memory


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """One vector per class; their squared distances approximate the table of label distances.

    Attributes:
        vectors: (C, r) float64; empty classes have the zero vector.
        distortion: relative error of the squared distances in the Frobenius norm; 0 if the table is Euclidean.

    Example:
        >>> import numpy as np
        >>> from geosearch.transport import label_vectors
        >>> label_vectors(np.array([[0.0, 4.0], [4.0, 0.0]])).vectors.shape
        (2, 1)
    """

    vectors: np.ndarray
    distortion: float


def label_vectors(table: np.ndarray) -> LabelVectors:
    """Classical multidimensional scaling of a (C, C) table of squared distances.

    Empty classes (NaN rows) are ignored. Source: Torgerson 1952.

    Raises:
        TooLargeError: the estimated memory exceeds the limit.
    """
    count = len(table)
    memory.require(64 * count * count, f"vectors of {count} classes", "use fewer sources, or sources of fewer classes")
    present = np.isfinite(table).any(axis=1)
    known = table[np.ix_(present, present)]
    if not len(known):
        return LabelVectors(np.zeros((len(table), 0)), 0.0)
    centred = known - known.mean(axis=0) - known.mean(axis=1, keepdims=True) + known.mean()
    values, basis = np.linalg.eigh(-centred / 2)
    keep = values > 1e-12 * max(values[-1], 1e-300)
    vectors = np.zeros((len(table), int(keep.sum())))
    vectors[present] = basis[:, keep] * np.sqrt(values[keep])
    realised = cdist(vectors[present], vectors[present], "sqeuclidean")
    scale = float(np.linalg.norm(known))
    return LabelVectors(vectors, float(np.linalg.norm(realised - known)) / scale if scale else 0.0)
