"""Mixtures: the paper's point, single sources, pooling and Mixup are members of one family."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils.data import DataLoader

from geosearch.errors import InvalidWeightsError
from geosearch.mixture.mixture import Mixture, _log_gamma_variates, draw_weights
from geosearch.mixture.weights import Weights

LEVELS = (10, 130, 250)


def rng():
    return np.random.default_rng(5)


def rows_of(images):
    """float (b, ch, h, w) in [0, 1] -> set of uint8 images."""
    return {image.tobytes() for image in np.round(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)}


@pytest.mark.parametrize("concentration", [0.0, 1.5, math.inf])
@pytest.mark.parametrize("pairing", ["transport", "random"])
def test_shapes_range_and_label_mass(anchors, concentration, pairing):
    mixture = Mixture(anchors, Weights.of([0.2, 0.5, 0.3], concentration, pairing))
    images, labels = mixture.draw(50, rng())
    assert images.shape == (50, 1, 8, 8)
    assert images.dtype == labels.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1 + 1e-6
    assert labels.shape == (50, mixture.class_count) == (50, 12)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
    assert len(mixture.class_names) == 12
    assert mixture.class_names[0] == "near/0"


@pytest.mark.parametrize("i", range(3))
def test_at_a_corner_the_mixture_is_that_source(anchors, parts, i):
    images, labels = Mixture(anchors, Weights.single(i, 3)).draw(400, rng())
    source = {image.tobytes() for image in parts[1][i].images}
    assert rows_of(images) <= source
    assert len(rows_of(images)) > 0.8 * len(source)
    start = sum(len(s.classes) for s in anchors.sources[:i])
    assert labels[:, start : start + len(anchors.sources[i].classes)].sum() == pytest.approx(400)


def test_the_point_on_the_geodesic_is_the_weighted_sum_of_the_anchors(anchors):
    a = np.array([0.5, 0.2, 0.3])
    images, labels = Mixture(anchors, Weights.of(a)).mix_mean(np.arange(7))
    expected = sum(w * s.images[:7].astype(float) / 255 for w, s in zip(a, anchors.sources, strict=True))
    np.testing.assert_allclose(images, expected.transpose(0, 3, 1, 2), atol=1e-6)
    np.testing.assert_allclose(labels[:, :4], 0.5 * anchors.sources[0].labels[:7], atol=1e-6)


@pytest.mark.parametrize("pairing", ["transport", "random"])
def test_near_a_corner_images_are_those_that_their_labels_say(anchors, pairing):
    """A share may be too small for one beside it to differ from 1: the row is then the large one's alone."""
    sources = [
        replace(s, images=np.full_like(s.images, level)) for s, level in zip(anchors.sources, LEVELS, strict=True)
    ]
    flat = replace(anchors, sources=tuple(replace(s, codes=s.images) for s in sources))
    for values in ([0.98, 0.01, 0.01], [0.01, 0.01, 0.98], [0.9, 0.05, 0.05]):
        images, labels = Mixture(flat, Weights.of(values, 0.5, pairing)).draw(500, rng())
        ends = np.cumsum([len(s.classes) for s in flat.sources])[:-1]
        shares = np.stack([block.sum(1) for block in np.split(labels, ends, axis=1)], axis=1)
        np.testing.assert_allclose(images.mean((1, 2, 3)), shares @ np.array(LEVELS) / 255, atol=1e-5)
        assert (shares.max(1) == 1).any()


def test_at_concentration_zero_it_is_the_pooled_union(anchors, parts):
    images, labels = Mixture(anchors, Weights.of([0.2, 0.5, 0.3], 0.0)).draw(3000, rng())
    assert rows_of(images) <= {image.tobytes() for source in parts[1] for image in source.images}
    shares = [labels[:, :4].sum(), labels[:, 4:9].sum(), labels[:, 9:].sum()]
    np.testing.assert_allclose(np.array(shares) / 3000, [0.2, 0.5, 0.3], atol=0.03)


def test_a_small_concentration_comes_close_to_the_pooled_union(anchors):
    _, labels = Mixture(anchors, Weights.of([0.2, 0.5, 0.3], 1e-6)).draw(3000, rng())
    assert np.isfinite(labels).all()
    assert (labels.max(axis=1) > 0.999).mean() > 0.99
    assert labels[:, 4:9].sum() / 3000 == pytest.approx(0.5, abs=0.04)


def test_the_mean_of_a_cloud_is_the_weights(anchors):
    _, labels = Mixture(anchors, Weights.of([0.2, 0.5, 0.3], 2.0)).draw(5000, rng())
    np.testing.assert_allclose(labels[:, 4:9].sum(axis=1).mean(), 0.5, atol=0.02)


def test_random_pairing_mixes_images_that_no_plan_pairs(anchors):
    weights = [0.5, 0.5, 0.0]
    paired, _ = Mixture(anchors, Weights.of(weights)).draw(2000, rng())
    mixup, _ = Mixture(anchors, Weights.of(weights, pairing="random")).draw(2000, rng())
    assert len(rows_of(mixup)) > 3 * len(rows_of(paired))


def test_equal_seeds_give_equal_streams(anchors):
    mixture = Mixture(anchors, Weights.of([0.2, 0.5, 0.3], 1.0))
    for (images, labels), (again, labels_again) in zip(
        islice(mixture.batches(16, rng()), 3), islice(mixture.batches(16, rng()), 3), strict=True
    ):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, labels_again)


def test_the_key_tells_mixtures_apart(anchors):
    points = [
        Weights.of([0.2, 0.5, 0.3]),
        Weights.of([0.3, 0.4, 0.3]),
        Weights.of([0.2, 0.5, 0.3], 1.0),
        Weights.of([0.2, 0.5, 0.3], pairing="random"),
    ]
    assert len({Mixture(anchors, point).key for point in points}) == 4
    assert Mixture(anchors, points[0]).key == Mixture(anchors, Weights.of([0.2, 0.5, 0.3])).key


def test_a_wrong_number_of_weights_is_refused(anchors):
    with pytest.raises(InvalidWeightsError, match="expected 3 weights"):
        Mixture(anchors, Weights.uniform(2))


def test_as_a_dataset_of_pytorch_it_yields_its_images_and_weights_its_labels(anchors):
    """Labels of a source have the weight of the source in sum, whatever the concentration."""
    values = [0.2, 0.5, 0.3]
    dataset = Mixture(anchors, Weights.of(values, concentration=2.0)).to_torch(seed=1, length=1500)
    images, labels = next(iter(DataLoader(dataset, batch_size=1500)))
    assert images.shape == (1500, 1, 8, 8)
    assert 0 <= images.min() <= images.max() <= 1
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)
    blocks = labels.split([len(source.classes) for source in anchors.sources], dim=1)
    np.testing.assert_allclose([float(block.sum(1).mean()) for block in blocks], values, atol=0.04)
    again = next(iter(DataLoader(dataset, batch_size=1500)))
    assert torch.equal(again[0], images)


@pytest.mark.parametrize("concentration", [0.0, 0.5, 2.0, 50.0, math.inf])
def test_two_mixtures_have_the_same_random_numbers(anchors, concentration):
    """Labels that tell the rows are equal; the weights of an image differ little more than those of the mixtures."""
    one, other = (
        Mixture(tell_rows(anchors), Weights.of(w, concentration)) for w in ([0.2, 0.5, 0.3], [0.22, 0.5, 0.28])
    )
    first, second, later = rng(), rng(), np.random.default_rng(6)
    for _ in range(2):  # also in the next draw
        (_, labels), (_, labels_other), (_, labels_later) = (
            mixture.draw(400, g) for mixture, g in ((one, first), (other, second), (one, later))
        )
        n = len(anchors.reference)
        shares, shares_other = (x.reshape(400, 3, n).sum(2) for x in (labels, labels_other))
        rows, rows_other, rows_later = (
            x.reshape(400, 3, n).sum(1).argmax(1) for x in (labels, labels_other, labels_later)
        )
        np.testing.assert_array_equal(rows, rows_other)
        assert (rows == rows_later).mean() < 0.1
        assert np.abs(shares - shares_other).sum(1).mean() < 0.08  # 0.04 is the distance of the weights


def tell_rows(anchors):
    """The label of an image is the reference row that it is made from."""
    n = len(anchors.reference)
    sources = [
        replace(
            s, labels=np.tile(np.eye(n, dtype=np.float32), (len(s.images) // n, 1)), classes=tuple(map(str, range(n)))
        )
        for s in anchors.sources
    ]
    return replace(anchors, sources=tuple(sources))


@pytest.mark.parametrize("concentration", [0.0, 0.3, 2.0, 50.0])
def test_the_weights_of_the_images_have_the_moments_of_their_distribution(concentration):
    values = np.array([0.1, 0.0, 0.3, 0.6])
    shares = draw_weights(Weights.of(values, concentration), 100_000, rng())
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares.mean(0), values, atol=0.01)
    np.testing.assert_allclose(shares.var(0), values * (1 - values) / (concentration + 1), rtol=0.03)
    assert (shares[:, 1] == 0).all()


@pytest.mark.parametrize("shape", [1.0, 1.5, 20.0])
def test_gamma_variates_follow_their_distribution(shape):
    drawn = _log_gamma_variates(np.array([shape]), 20_000, rng())[:, 0]
    assert stats.kstest(np.exp(drawn), stats.gamma(shape).cdf).pvalue > 0.01
