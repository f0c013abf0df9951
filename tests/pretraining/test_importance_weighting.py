"""Kernel mean matching: weights are density ratios."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool, as_tensor
from geosearch.nn.train import pretrain
from geosearch.pretraining.importance_weighting import DensityWeigher, match_kernel_means
from geosearch.pretraining.sample_weighting import Samples


def gaussian_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-((a[:, None] - b) ** 2))


def test_weights_are_the_density_ratio_of_two_gaussians():
    rng = np.random.default_rng(0)
    samples, others = rng.normal(0.0, 1.0, 400), rng.normal(0.5, 0.8, 400)
    found = match_kernel_means(gaussian_kernel(samples, samples), gaussian_kernel(samples, others))
    ratio = np.exp(samples**2 / 2 - ((samples - 0.5) / 0.8) ** 2 / 2) / 0.8
    assert np.corrcoef(found, ratio)[0, 1] > 0.8
    assert (found * samples).mean() == pytest.approx(0.5, abs=0.1)
    assert (found * samples**2).mean() == pytest.approx(0.5**2 + 0.8**2, abs=0.15)


def test_a_set_matched_to_itself_has_weights_of_1():
    samples = np.random.default_rng(1).normal(size=60)
    kernel = gaussian_kernel(samples, samples)
    np.testing.assert_allclose(match_kernel_means(kernel, kernel), 1.0, atol=0.01)


def test_weights_solve_the_quadratic_problem():
    """No other weights of mean 1 have a smaller w' K w / 2 - w' c."""
    rng = np.random.default_rng(2)
    samples, others = rng.normal(size=30), rng.normal(1.0, 0.5, 20)
    kernel, cross = gaussian_kernel(samples, samples), gaussian_kernel(samples, others)
    found = match_kernel_means(kernel, cross)

    def value(w):
        return w @ (kernel + 1e-3 * np.eye(30)) @ w / 2 - w @ (30 * cross.mean(1))

    assert found.mean() == pytest.approx(1.0)
    for _ in range(50):
        other = rng.dirichlet(np.ones(30)) * 30
        assert value(found) <= value(0.99 * found + 0.01 * other) + 1e-6


def test_wrong_labels_have_small_weights_at_good_features():
    """Between different labels the kernel is 0, so a sample under a wrong label has no clean one near it."""
    data, clean = blobs("data", 4, 8, size=12), blobs("clean", 4, 10, seed=1, size=12)
    labels = torch.from_numpy(data.labels.copy())
    labels[::8] = (labels[::8] + 1) % 4
    network = pretrain(Pool((data,)), Recipe(SmallConv(4), steps=60, batch=16, augmentation=NO_AUGMENTATION), 0)
    batch = Samples(as_tensor(data.images), labels, np.arange(32))
    known = Samples(as_tensor(clean.images), torch.from_numpy(clean.labels.copy()), np.arange(40))
    weights = DensityWeigher(network, 0.0).loss(batch, known)[1].numpy()
    assert weights[::8].max() < np.median(weights)
