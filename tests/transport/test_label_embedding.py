"""Label vectors."""

from __future__ import annotations

import numpy as np
import pytest
from generators.clouds import cloud
from scipy.spatial.distance import cdist

from geosearch.transport.label_embedding import label_vectors


def test_a_euclidean_table_is_realised():
    points = cloud(7, 3).astype(np.float64)
    table = cdist(points, points, "sqeuclidean")
    found = label_vectors(table)
    np.testing.assert_allclose(cdist(found.vectors, found.vectors, "sqeuclidean"), table, atol=1e-10)
    assert found.vectors.shape == (7, 3)
    assert found.distortion == pytest.approx(0, abs=1e-12)


def test_a_table_that_is_not_euclidean_is_distorted_and_says_so():
    table = np.square([[0, 1, 1, 1], [1, 0, 2, 2], [1, 2, 0, 2], [1, 2, 2, 0.0]])  # a star: three arms of length one
    found = label_vectors(table)
    realised = cdist(found.vectors, found.vectors, "sqeuclidean")
    assert 0.01 < found.distortion == pytest.approx(np.linalg.norm(realised - table) / np.linalg.norm(table))


def test_classes_without_a_law_are_left_out():
    points = cloud(5, 3).astype(np.float64)
    table = cdist(points, points, "sqeuclidean")
    holes = np.insert(np.insert(table, 2, np.nan, axis=0), 2, np.nan, axis=1)
    found, whole = label_vectors(holes), label_vectors(table)
    assert not found.vectors[2].any()
    np.testing.assert_allclose(np.delete(found.vectors, 2, axis=0), whole.vectors, atol=1e-12)
    assert np.isfinite(label_vectors(np.full((3, 3), np.nan)).distortion)


def test_equal_classes_need_no_dimension():
    found = label_vectors(np.zeros((4, 4)))
    assert found.distortion == 0
    assert not cdist(found.vectors, found.vectors).any()
