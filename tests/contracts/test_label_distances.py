"""The contract of label distances: whatever they measure, the same promises about the table."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from generators.clouds import class_features

from geosearch.errors import InvalidOptionError, TooLargeError
from geosearch.transport.label_distances.base import LabelDistance
from geosearch.transport.label_distances.exact import ExactLabels
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.label_distances.means import MeanLabels

PLAIN = GaussianLabels(debiased=False)
ALL: list[LabelDistance] = [MeanLabels(), GaussianLabels(), PLAIN, GaussianLabels(rank=2), ExactLabels()]


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_tables_are_symmetric_with_a_zero_diagonal(labels: LabelDistance):
    table = labels.table(class_features((12, 9, 1, 20)))
    np.testing.assert_array_equal(table, table.T)
    assert not np.diag(table).any()
    assert (table[~np.eye(4, dtype=bool)] > 0).all()


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_the_cross_table_is_a_corner_of_the_joint_one(labels: LabelDistance):
    parts, others = class_features((12, 9)), class_features((8, 20, 5), seed=1)
    joint = labels.table(parts + others)
    np.testing.assert_allclose(labels.table(parts, others), joint[:2, 2:], rtol=1e-9)


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_a_class_against_itself_in_another_set_is_at_zero(labels: LabelDistance):
    parts = class_features((12, 9), dtype=np.float32)
    assert not np.diag(labels.table(parts, parts)).any()


@pytest.mark.parametrize("labels", ALL, ids=repr)
def test_empty_classes_are_nan_and_nothing_else_is(labels: LabelDistance):
    parts = class_features((12, 9, 7))
    table = labels.table([parts[0], parts[1][:0], parts[2]])
    assert np.isnan(table[1]).all()
    assert np.isnan(table[:, 1]).all()
    np.testing.assert_allclose(table[np.ix_([0, 2], [0, 2])], labels.table([parts[0], parts[2]]))


@pytest.mark.parametrize("labels", [MeanLabels(), GaussianLabels(), GaussianLabels(rank=5), ExactLabels()], ids=repr)
def test_a_table_that_does_not_fit_is_refused_with_a_way_out(labels: LabelDistance, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSEARCH_MEMORY_GIB", "0.001")
    parts = [np.zeros((4, 400), np.float32)] * 300
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match=r"300 x 300 classes.* needs about .*; lower domain.samples"):
            labels.table(parts)
        assert tracemalloc.get_traced_memory()[1] < 2**20  # bytes: nothing was allocated before
    finally:
        tracemalloc.stop()


def test_means_are_blind_to_spread_and_below_gaussian_below_exact():
    parts = class_features((30, 30))
    choices = (MeanLabels(debiased=False), PLAIN, ExactLabels())
    means, gaussian, exact = (labels.table(parts)[0, 1] for labels in choices)
    assert means < gaussian < exact


def test_options_out_of_range_are_refused():
    for wrong in (lambda: GaussianLabels(rank=0), lambda: ExactLabels(max_per_class=0)):
        with pytest.raises(InvalidOptionError, match="at least 1"):
            wrong()
