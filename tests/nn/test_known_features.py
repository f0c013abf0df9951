"""Features that were read out beforehand, in the form of a network."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from geosearch.errors import InvalidOptionError
from geosearch.nn.known_features import KnownFeatures
from geosearch.nn.pretrained_architecture import PretrainedHeaded
from geosearch.nn.train import features

RNG = np.random.default_rng(0)
IMAGES, FEATURES = RNG.integers(0, 256, (30, 4, 5, 3), np.uint8), RNG.normal(size=(30, 7)).astype(np.float32)


def test_a_network_of_known_features_gives_them_in_any_order():
    network = PretrainedHeaded(KnownFeatures(IMAGES, FEATURES), nn.Linear(7, 2))
    order = RNG.permutation(30)
    np.testing.assert_array_equal(features(network, IMAGES[order], batch=8), FEATURES[order])
    np.testing.assert_array_equal(features(copy.deepcopy(network), IMAGES), FEATURES)


def test_every_level_of_a_pixel_is_told_apart():
    images = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
    body = KnownFeatures(images, np.arange(256, dtype=np.float32)[:, None])
    found = body(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_array_equal(found[:, 0], np.arange(256))


def test_an_image_that_is_not_known_is_refused():
    other = IMAGES.copy()
    other[[3, 5], 0, 0, 0] ^= 1
    network = PretrainedHeaded(KnownFeatures(IMAGES, FEATURES), nn.Linear(7, 2))
    with pytest.raises(InvalidOptionError, match="2 of 30 images are not among the 30 whose features are known"):
        features(network, other)
