"""Retrieval serves every target image alike, and gives a pool that a network can be trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.errors import InvalidOptionError
from geosearch.mixture import retrieval
from geosearch.mixture.retrieval import nearest_rows, retrieve
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 10**6), st.data())
@settings(max_examples=60, deadline=None)
def test_rows_are_taken_rank_by_rank(n, p, seed, data):
    count = data.draw(st.integers(1, p))
    rng = np.random.default_rng(seed)
    queries, candidates = rng.normal(size=(n, 3)), rng.normal(size=(p, 3))
    gaps = np.linalg.norm(queries[:, None] - candidates, axis=2)
    ranks = gaps.argsort(1).argsort(1)  # (n, p)
    keys = [min((int(ranks[q, c]), gaps[q, c]) for q in range(n)) for c in range(p)]
    expected = sorted(range(p), key=lambda c: keys[c])[:count]
    assert nearest_rows(queries, candidates, count).tolist() == sorted(expected)


def test_a_crowd_near_one_image_does_not_take_all_places():
    rng = np.random.default_rng(0)
    queries = np.array([[0.0, 0.0], [10.0, 0.0]])
    crowd, few = rng.normal(size=(50, 2)) * 0.01, queries[1] + rng.normal(size=(10, 2))
    found = nearest_rows(queries, np.concatenate([crowd, few]), 20)
    assert (found >= 50).sum() == 10


def test_places_left_over_go_to_the_nearest_to_the_middle(monkeypatch):
    monkeypatch.setattr(retrieval, "_MOST_NEIGHBORS", 2)
    candidates = np.arange(10.0)[:, None]
    assert nearest_rows(np.zeros((20, 1)), candidates, 5).tolist() == [0, 1, 2, 3, 4]


def test_near_sources_have_more_images_than_far_ones(anchors, parts):
    reference, _ = parts
    pool = retrieve(anchors, reference.images, share=0.2)
    assert len(pool) == round(0.2 * sum(len(np.unique(source.images, axis=0)) for source in anchors.sources))
    assert pool.shares.sum() == pytest.approx(1)
    assert pool.shares[0] == pool.shares.max()


def test_labels_are_those_of_the_images_over_the_union_of_the_classes(anchors, parts):
    reference, sources = parts
    pool = retrieve(anchors, reference.images, share=0.5)
    images, labels = next(pool.batches(len(pool), np.random.default_rng(0)))
    offsets = np.cumsum([0, *(len(source.classes) for source in sources)])
    known = {
        image.tobytes(): offsets[i] + label
        for i, source in enumerate(sources)
        for image, label in zip(source.images, source.labels, strict=True)
    }
    pixels = np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    assert [known[image.tobytes()] for image in pixels] == labels.argmax(1).tolist()
    assert len({image.tobytes() for image in pixels}) == len(pool)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    assert labels.shape[1] == pool.class_count == len(pool.class_names)


def test_all_images_are_the_union_of_the_sources(anchors, parts):
    reference, _ = parts
    pool = retrieve(anchors, reference.images, share=1.0)
    assert len(pool) == sum(len(np.unique(source.images, axis=0)) for source in anchors.sources)
    assert [len(rows) for rows in pool.rows] == [len(np.unique(s.images, axis=0)) for s in anchors.sources]


def test_equal_images_count_once(anchors, parts):
    reference, _ = parts
    near = anchors.sources[0]
    twice = replace(
        near, images=np.concatenate([near.images, near.images]), labels=np.concatenate([near.labels, near.labels])
    )
    many = replace(anchors, sources=(twice, *anchors.sources[1:]))
    one, two = (retrieve(some, reference.images, share=0.3) for some in (anchors, many))
    assert [rows.tolist() for rows in two.rows] == [rows.tolist() for rows in one.rows]


def test_a_network_is_pretrained_on_it(anchors, parts):
    reference, _ = parts
    pool, other = (retrieve(anchors, reference.images, share=share) for share in (0.3, 0.4))
    network = pretrain(pool, Recipe(SmallConv(4), steps=2), seed=0)
    assert network.head.out_features == pool.class_count
    assert pool.key != other.key
    assert pool.key == retrieve(anchors, reference.images, share=0.3).key


def test_what_cannot_be_retrieved_is_refused(anchors, parts):
    images = parts[0].images
    for share in (0.0, 1.5):
        with pytest.raises(InvalidOptionError, match="share"):
            retrieve(anchors, images, share=share)
    with pytest.raises(InvalidOptionError, match="at least one image"):
        retrieve(anchors, images[:0])
