"""Barycentric maps: source rows used evenly, exact on the reference, continued by Laguerre cells beyond it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.maps import pair_of

from geosearch.errors import InvalidOptionError
from geosearch.transport.maps.barycentric import Barycentric, assign_replicas
from geosearch.transport.solvers.minibatch import Minibatch
from geosearch.transport.solvers.sinkhorn import Sinkhorn


def test_replicas_use_every_row_as_evenly_as_possible():
    for size, n in [(10, 4), (4, 10), (8, 4), (1, 3), (7, 7)]:
        rows = assign_replicas(size, n, np.random.default_rng(0))
        assert all(len(part) == n for part in rows)
        counts = np.bincount(np.concatenate(rows), minlength=size)
        assert counts.max() - counts.min() <= 1
        assert counts.min() >= 1


def test_a_one_to_one_plan_sends_the_reference_onto_the_whole_source(cache):
    pair = pair_of(per_class=12)
    fitted = Barycentric().fit(pair, seed=0, cache=cache)
    pushed = [fitted(pair.reference.images, pair.reference.labels, replica=r).images for r in range(fitted.replicas)]
    assert {image.tobytes() for image in np.concatenate(pushed)} == {image.tobytes() for image in pair.source.images}


def test_equal_reference_images_take_different_source_images(cache):
    pair = pair_of(per_class=12)
    images = pair.reference.images.copy()
    images[1::2] = images[::2]
    labels = pair.reference.labels.copy()
    labels[1::2] = labels[::2]
    twice = replace(pair, reference=replace(pair.reference, images=images, labels=labels))
    fitted = Barycentric().fit(twice, seed=0, cache=cache)
    pushed = [fitted(images, labels, replica=r).images for r in range(fitted.replicas)]
    assert {image.tobytes() for image in np.concatenate(pushed)} == {image.tobytes() for image in pair.source.images}


def test_beyond_the_reference_each_image_lies_in_one_laguerre_cell(cache):
    """A reference image with one grey level changed is new, and goes where its neighbour goes, mostly."""
    pair = pair_of(per_class=12)
    fitted = Barycentric().fit(pair, seed=0, cache=cache)
    nearly = pair.reference.images.copy()
    nearly[:, 0, 0, 0] ^= 1
    known = fitted(pair.reference.images, pair.reference.labels)
    moved = fitted(nearly, pair.reference.labels)
    alike = (known.images == moved.images).reshape(len(nearly), -1).all(axis=1)
    assert alike.mean() > 0.5  # by chance: 0.02
    assert {image.tobytes() for image in moved.images} <= {image.tobytes() for image in pair.source.images}


def test_known_and_new_images_may_be_mixed_in_one_call(cache):
    pair = pair_of(per_class=12)
    fitted = Barycentric().fit(pair, seed=0, cache=cache)
    new = pair.reference.images[:5] ^ 3
    both = fitted(np.concatenate([new, pair.reference.images[:7]]), np.tile(pair.reference.labels[:1], 12))
    apart = fitted(new, np.tile(pair.reference.labels[:1], 5))
    np.testing.assert_array_equal(both.images[:5], apart.images)


def test_an_entropic_plan_blurs_and_says_so(cache):
    pair = pair_of(per_class=12)
    fitted = Barycentric(Sinkhorn(regularization=1.0)).fit(pair, seed=0, cache=cache)
    pushed = fitted(pair.reference.images, pair.reference.labels)
    assert ((pushed.labels > 0.01) & (pushed.labels < 0.99)).any()
    assert "softmax" in fitted.message


def test_a_solver_without_potentials_ends_at_the_reference(cache):
    pair = pair_of(per_class=12)
    fitted = Barycentric(Minibatch(20)).fit(pair, seed=0, cache=cache)
    assert "reference images only" in fitted.message
    fitted(pair.reference.images, pair.reference.labels)
    with pytest.raises(InvalidOptionError, match="Exact"):
        fitted(pair.reference.images ^ 1, pair.reference.labels)
