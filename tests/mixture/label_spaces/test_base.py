"""Merged labels: columns of classes that are one label are added, everywhere a network is trained."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.label_spaces.base import FittedLabelSpace
from geosearch.mixture.label_spaces.disjoint import DisjointLabels
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.retrieval import retrieve
from geosearch.mixture.synthesis import Synthesis
from geosearch.mixture.weights import Weights

GROUPS = [0, 1, 2, 3, 0, 1, 4, 5, 6, 2, 0, 7]  # of 4, 5 and 3 classes


@pytest.fixture
def merged(parts, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    names = [f"{one.name}/{label}" for one in sources for label in one.classes]
    return build_anchors(reference, sources, encoder, label_space=FittedLabelSpace.of(names, GROUPS), cache=cache)


def test_a_mixture_is_the_same_with_columns_added(anchors, merged):
    weights = Weights.of([0.5, 0.3, 0.2])
    plain, one = Mixture(anchors, weights), Mixture(merged, weights)
    images, labels = next(plain.batches(16, np.random.default_rng(0)))
    same, added = next(one.batches(16, np.random.default_rng(0)))
    np.testing.assert_array_equal(images, same)
    np.testing.assert_allclose(added, np.stack([labels[:, np.equal(GROUPS, k)].sum(1) for k in range(8)], 1), atol=1e-6)
    assert one.class_count == len(one.class_names) == added.shape[1] == 8
    assert one.class_names[0] == "near/0 + large/0 + small/1"
    assert one.key != plain.key


def test_distances_keep_the_classes_of_the_sources(anchors, merged):
    mixture = Mixture(merged, Weights.of([0.5, 0.3, 0.2]))
    assert mixture.mix_mean(np.arange(3))[1].shape == (3, 12)
    np.testing.assert_array_equal(anchors.source_vectors, merged.source_vectors)


def test_synthesis_and_retrieval_have_the_merged_labels(merged):
    mixture = Mixture(merged, Weights.of([0.5, 0.3, 0.2]))
    pool = retrieve(merged, merged.reference.images, share=0.3)
    for stream in (Synthesis(mixture, merged.reference), pool):
        labels = next(stream.batches(8, np.random.default_rng(0)))[1]
        assert labels.shape == (8, stream.class_count) == (8, 8)
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)


def test_the_disjoint_union_changes_no_key(parts, anchors, cache):
    reference, sources = parts
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    disjoint = DisjointLabels().fit(sources, encoder)
    again = build_anchors(reference, sources, encoder, label_space=disjoint, cache=cache)
    assert (again.key, again.class_names) == (anchors.key, anchors.class_names)
    assert disjoint.class_names == anchors.class_names
