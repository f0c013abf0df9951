"""A curated mixture draws helpful rows alone, and the sums of the rows' derivatives are those in the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.curation.curated_mixture import (
    CuratedMixture,
    curate_mixture,
    reweight_mixture,
    row_pool,
    row_weights,
    source_gradient,
)
from geosearch.embeddings.pca import PCA
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights


@pytest.fixture
def shots():
    return blobs("target", 4, 4, seed=7)


@pytest.fixture
def anchors(cache):
    """Two sources with the target's classes at its own places and elsewhere; every fifth pseudo-label is wrong."""
    reference = blobs("target", 4, 15, seed=1)
    wrong = np.arange(60) % 5 == 0
    reference = replace(reference, labels=np.where(wrong, (reference.labels + 1) % 4, reference.labels))
    sources = [blobs("near", 4, 30, seed=2), blobs("far", 4, 15, seed=3, shift=7)]
    return build_anchors(reference, sources, PCA(8).fit(sources, seed=0, cache=cache), cache=cache)


def uniform(anchors, weights):
    return CuratedMixture(anchors, weights, tuple(np.ones((len(s.images) // 60, 60)) for s in anchors.sources))


@pytest.mark.parametrize("values", [[0.7, 0.3], [0.5, 0.5], [0.2, 0.8]])
def test_the_gradient_in_the_sources_weights_is_the_finite_difference_of_the_tuned_error(anchors, shots, values):
    """The penalty is tuned anew on both sides of the difference."""
    pool, step = row_pool(anchors, shots), 1e-3
    found = source_gradient(anchors, shots, Weights.of(values))

    def tuned_error(moved):
        used = row_weights(anchors, moved)
        return pool.tune(used, minimum=True).derivative(used).loss

    for i, row in enumerate(np.eye(2) * step):
        slope = (tuned_error(values + row) - tuned_error(values - row)) / (2 * step)
        assert found[i] == pytest.approx(slope, rel=1e-2, abs=1e-4 * np.abs(found).max())


def test_the_gradient_does_not_depend_on_how_many_images_a_source_has(anchors, shots):
    """Replicas share the weight of their source: a source whose replicas all stand there ten times is the same."""
    near, far = anchors.sources
    many = replace(anchors, sources=(replace(near, images=np.concatenate([near.images] * 10)), far))
    np.testing.assert_allclose(source_gradient(many, shots), source_gradient(anchors, shots), rtol=0.01)


def test_only_rows_of_positive_weight_are_drawn(anchors):
    rows = tuple(np.zeros((len(s.images) // 60, 60)) for s in anchors.sources)
    rows[0][1, [3, 7]] = 1.0
    mixture = CuratedMixture(anchors, Weights.single(0, 2), rows)
    images, labels = mixture.draw(50, np.random.default_rng(0))
    allowed = anchors.sources[0].images[[63, 67]].transpose(0, 3, 1, 2) / np.float32(255)
    gaps = np.abs(images[:, None] - allowed[None]).max((2, 3, 4))
    assert (gaps.min(1) < 1e-6).all()
    assert set(gaps.argmin(1)) == {0, 1}
    assert labels.shape == (50, 8)


@pytest.mark.parametrize("pairing", ["transport", "random"])
def test_equal_weights_draw_what_the_mixture_draws_on_average(anchors, pairing):
    weights = Weights.of(np.array([0.6, 0.4]), pairing=pairing)
    plain, same = Mixture(anchors, weights), uniform(anchors, weights)
    means = [one.draw(4000, np.random.default_rng(0))[0].mean(0) for one in (plain, same)]
    assert np.abs(means[0] - means[1]).max() < 0.02
    assert plain.key != same.key


def test_rows_that_stand_for_a_wrong_class_are_dropped(anchors, shots):
    found = curate_mixture(anchors, Weights.of(np.array([0.8, 0.2])), shots)
    wrong = np.arange(60) % 5 == 0
    kept = found.rows[0]
    assert kept[:, wrong].mean() < kept[:, ~wrong].mean() - 0.3
    assert 0.3 < np.mean([(rows > 0).mean() for rows in found.rows]) < 1
    images, _ = next(found.batches(8, np.random.default_rng(0)))
    assert images.shape == (8, 1, 8, 8)


def test_rows_that_stand_for_a_wrong_class_are_weighed_down_and_the_error_of_the_shots_falls(anchors, shots):
    weights = Weights.of(np.array([0.8, 0.2]))
    found = reweight_mixture(anchors, weights, shots)
    wrong = np.arange(60) % 5 == 0
    assert found.rows[0][:, wrong].mean() < found.rows[0][:, ~wrong].mean() - 0.05
    pool, before = row_pool(anchors, shots), row_weights(anchors, weights.array)
    after = before * np.concatenate([one.ravel() for one in found.rows])
    assert pool.derivative(after).loss < pool.derivative(before).loss


def test_a_source_without_a_share_is_not_weighed(anchors, shots):
    found = reweight_mixture(anchors, Weights.single(0, 2), shots)
    assert (found.rows[1] == 1).all()


@pytest.mark.parametrize("concentration", [0.0, 2.0, np.inf])
def test_no_image_without_weight_is_ever_in_a_mixture(anchors, concentration):
    """The far source has weight for the last row alone, the near one for all but two, which nobody shows."""
    rows = tuple(np.ones((len(s.images) // 60, 60)) for s in anchors.sources)
    rows[0][:, :2] = 0
    rows[1][:, :59] = 0
    mixture = CuratedMixture(anchors, Weights.of(np.array([0.5, 0.5]), concentration), rows)
    _, labels = mixture.draw(400, np.random.default_rng(0))
    assert np.allclose(labels.sum(1), 1, atol=1e-5)
    assert 0 < (labels[:, 4:].sum(1) > 1e-6).mean() < 0.1  # the far source's classes: the last row only
