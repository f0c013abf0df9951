"""Synthesis: from as many target images as there are, in their order, and it says from which."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.synthesis import Synthesis
from geosearch.mixture.weights import Weights


@pytest.fixture
def more(anchors):
    """The reference's 60 images, then 20 new ones."""
    new = blobs("target", 4, 5, seed=99)
    return replace(
        new,
        images=np.concatenate([anchors.reference.images, new.images]),
        labels=np.concatenate([anchors.reference.labels, new.labels]),
    )


def rows(synthesis: Synthesis, size: int, seed: int = 0):
    batches = list(islice(synthesis.batches(16, np.random.default_rng(seed)), -(-size // 16)))
    return np.concatenate([images for images, _ in batches])[:size], np.concatenate([soft for _, soft in batches])[
        :size
    ]


def test_the_first_rows_are_the_reference_in_its_order(anchors, more):
    weights = Weights.of([0.5, 0.0, 0.5])  # two sources with one replica each: nothing is drawn
    images, soft = rows(Synthesis(Mixture(anchors, weights), more), 60)
    expected, labels = Mixture(anchors, weights).mix_mean(np.arange(60))
    np.testing.assert_allclose(images, expected, atol=1e-6)
    np.testing.assert_allclose(soft, labels, atol=1e-6)


def test_equal_images_of_the_reference_go_where_its_plan_sends_each(parts, cache):
    """They are the reference's first and last, so in different batches."""
    reference, sources = parts
    images, labels = reference.images.copy(), reference.labels.copy()
    images[-1], labels[-1] = images[0], labels[0]
    twice = replace(reference, images=images, labels=labels)
    anchors = build_anchors(twice, sources, Pixels().fit(sources, seed=0, cache=cache), cache=cache)
    found, _ = rows(Synthesis(Mixture(anchors, Weights.single(0, 3)), twice), 60)
    np.testing.assert_array_equal(np.rint(255 * found.transpose(0, 2, 3, 1)), anchors.sources[0].images)
    assert (found[0] != found[-1]).any()


def test_rows_beyond_the_reference_are_new(anchors, more):
    synthesis = Synthesis(Mixture(anchors, Weights.of([0.4, 0.3, 0.3])), more)
    images, soft = rows(synthesis, 80)
    assert len({image.tobytes() for image in images}) > 70
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-5)


def test_a_smaller_one_is_the_beginning_of_a_larger_one(anchors, more):
    synthesis = Synthesis(Mixture(anchors, Weights.of([0.4, 0.3, 0.3], 2.0)), more)
    np.testing.assert_array_equal(rows(synthesis, 30)[0], rows(synthesis, 200)[0][:30])


def test_it_begins_again_when_the_target_is_used_up(anchors, more):
    synthesis = Synthesis(Mixture(anchors, Weights.of([0.4, 0.3, 0.3], 2.0)), more)
    images, _ = rows(synthesis, 170)
    assert len(images) == 170
    assert "2.1 times" in synthesis.describe(170)


def test_it_says_how(anchors, more):
    mixture = Mixture(anchors, Weights.of([0.4, 0.3, 0.3]))
    assert "50 of the 60 reference images" in Synthesis(mixture, more).describe(50)
    assert "20 further ones" in Synthesis(mixture, more).describe(80)
    assert "dual potentials" in Synthesis(mixture, more).describe(80)
    mixup = Mixture(anchors, Weights.of([0.4, 0.3, 0.3], pairing="random"))
    assert "randomly paired" in Synthesis(mixup, more).describe(80)
    assert rows(Synthesis(mixup, more), 20)[0].shape == (20, 1, 8, 8)
