"""Label vectors: points whose squared distances stand for a label table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """One vector per class whose squared distances stand for the label table.

    Attributes:
        vectors: (C, r) float64; classes without a law have the zero vector.
        distortion: Frobenius norm of the error over that of the table; 0 when the table is Euclidean.
    """

    vectors: np.ndarray
    distortion: float


def label_vectors(table: np.ndarray) -> LabelVectors:
    """Classical multidimensional scaling of a (C, C) table of squared distances.

    Classes without a law (NaN rows) have no say and no weight. Source: Torgerson 1952.
    """
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
