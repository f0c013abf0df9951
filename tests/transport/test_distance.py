"""The distance between labelled sets."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pca import PCA
from geosearch.errors import DomainMismatchError
from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.exact import ExactLabels
from geosearch.transport.label_distances.means import MeanLabels
from geosearch.transport.solvers.sinkhorn import Sinkhorn
from geosearch.transport.solvers.tiled import Tiled


@pytest.fixture
def pair() -> tuple[LabelledSet, LabelledSet]:
    return blobs("one", 4, 20, seed=1), blobs("two", 3, 20, seed=2, shift=5)


def shuffled(data: LabelledSet, seed: int = 0) -> LabelledSet:
    return data.take(np.random.default_rng(seed).permutation(len(data)))


def renamed_classes(data: LabelledSet, order: list[int]) -> LabelledSet:
    return LabelledSet.from_arrays(data.images, np.argsort(order)[data.labels], name=data.name)


def test_a_set_is_at_zero_from_itself_also_when_shuffled(pair):
    for data in pair:
        assert otdd(data, data).value == 0
        assert otdd(data, shuffled(data)).value == pytest.approx(0, abs=1e-6)
        assert otdd(data, data, samples=15).value == 0


def test_is_symmetric_and_blind_to_the_order_of_rows_and_classes(pair):
    one, two = pair
    value = otdd(one, two).value
    assert value > 0
    assert otdd(two, one).value == pytest.approx(value, rel=1e-6)
    assert otdd(shuffled(one), shuffled(two, 1)).value == pytest.approx(value, rel=1e-6)
    assert otdd(renamed_classes(one, [2, 0, 3, 1]), two).value == pytest.approx(value, rel=1e-6)


def test_its_parts_make_the_value_and_follow_the_weights(pair):
    plain = otdd(*pair)
    assert plain.parts.features + plain.parts.labels == pytest.approx(plain.value)
    assert otdd(*pair, label_weight=0).parts.labels == 0
    doubled = otdd(*pair, feature_weight=2, label_weight=2)
    assert doubled.value == pytest.approx(2 * plain.value, rel=1e-5)


def test_the_embedded_value_differs_from_the_true_one_by_the_distortion(pair):
    distance = otdd(*pair, labels=ExactLabels())
    gap = abs(distance.embedded_value - distance.value)
    assert gap <= 2 * distance.label_distortion * np.nanmax(distance.label_table) + 1e-6
    assert distance.label_table.shape == (4, 3)
    assert len(distance.label_vectors.vectors) == 7


def test_a_class_that_lost_its_rows_has_no_weight(pair):
    one, two = pair
    fewer = one.take(np.flatnonzero(one.labels != 2))
    distance = otdd(fewer, two)
    assert np.isnan(distance.label_table[2]).all()
    assert np.isfinite([distance.value, distance.embedded_value, distance.label_distortion]).all()
    dense = LabelledSet.from_arrays(fewer.images, np.unique(fewer.labels, return_inverse=True)[1], name="dense")
    assert distance.value == pytest.approx(otdd(dense, two).value, rel=1e-6)


def test_solvers_labels_and_embeddings_are_exchangeable(pair, cache):
    value = otdd(*pair).value
    assert otdd(*pair, solver=Tiled()).value == pytest.approx(value, rel=0.01)
    assert otdd(*pair, solver=Sinkhorn(regularization=0.02, debiased=True)).plan.divergence == pytest.approx(
        value, rel=0.05
    )
    assert otdd(*pair, labels=MeanLabels()).value < value
    rotated = otdd(*pair, embedding=PCA(dims=200), cache=cache).value
    assert rotated == pytest.approx(value, rel=2e-3)  # float32: singular values of label distances by the Gram matrix


def test_sampling_is_even_over_classes_and_fixed_by_the_seed(pair):
    distance = otdd(*pair, samples=24, seed=3)
    assert distance.size == (24, 24)
    assert distance.value == otdd(*pair, samples=24, seed=3).value != otdd(*pair, samples=24, seed=4).value


def test_images_of_two_sizes_cannot_meet(pair):
    with pytest.raises(DomainMismatchError, match="harmonize them to one size"):
        otdd(pair[0], blobs("large", 3, 5, size=9))


def test_real_sets_are_told_apart(real_data):
    sets = {}
    for name in ("mnist", "usps", "fashion_mnist"):
        with np.load(real_data / f"{name}.npz") as file:
            images, labels = file["train_images"][:600], file["train_labels"][:600]
        if images.shape[1] == 16:
            images = np.pad(images, ((0, 0), (6, 6), (6, 6)))
        sets[name] = LabelledSet.from_arrays(images, labels, name=name)
    near, far = (otdd(sets["mnist"], sets[name], samples=400) for name in ("usps", "fashion_mnist"))
    assert near.value < far.value
    assert near.converged
    assert near.wall_seconds < 60
