"""The static ratio: of Gaussians in closed form, 1 where nothing differs, blind to labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from generators.sets import blobs
from sklearn.metrics import roc_auc_score

from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.pretraining.domain_weighting import DomainWeighting, density_ratios

METHOD = DomainWeighting(Recipe(SmallConv(8), steps=8, batch=40))


def test_ratios_are_those_of_two_gaussians_whose_logarithm_is_linear():
    """Of N(0, 1) and N(1, 1): exp(x - 1/2); the penalty draws the slope towards 0."""
    rng = np.random.default_rng(0)
    data, clean = rng.normal(0, 1, (40_000, 1)), rng.normal(1, 1, (40_000, 1))
    slope, constant = np.polyfit(data[:, 0], np.log(density_ratios(data, clean)), 1)
    assert 0.8 < slope < 1.02
    assert -0.55 < constant < -0.35


def test_samples_like_the_clean_ones_have_ratios_about_1_and_one_clean_sample_tells_nothing():
    rng = np.random.default_rng(0)
    data, clean = rng.normal(size=(1000, 20)), rng.normal(size=(100, 20))
    assert 0.5 < np.quantile(density_ratios(data, clean), 0.1) < np.quantile(density_ratios(data, clean), 0.9) < 2
    np.testing.assert_array_equal(density_ratios(data, clean[:1]), 1.0)


def test_samples_of_another_set_count_little_and_labels_are_not_read():
    data, clean = blobs("data", 4, 50, size=12), blobs("clean", 4, 10, seed=1, size=12)
    mixed = replace(data, images=np.concatenate([data.images[:100], 255 - data.images[100:]]))
    found = METHOD.train(mixed, clean, 0).weights
    assert roc_auc_score(np.arange(200) < 100, found) > 0.9
    moved = METHOD.train(replace(mixed, labels=(mixed.labels + 1) % 4), clean, 0).weights
    np.testing.assert_array_equal(found, moved)
