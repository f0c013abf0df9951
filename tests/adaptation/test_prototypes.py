"""Prototypes: the head is the nearest one, and the rule of clean shots is the mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from geosearch.adaptation.prototypes import TEMPERATURE, MeanPrototypes, PrototypeHead, standardize
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import SmallConv
from geosearch.nn.train import features


@pytest.fixture
def network():
    return SmallConv(4).build(channels=1, size=8, classes=6, seed=0)


def test_probabilities_are_a_softmax_of_squared_distances_to_the_means(network, shots, test_part):
    z, centre, scale = standardize(features(network, shots.images).astype(np.float64))
    means = MeanPrototypes().prototypes(z, shots.labels)
    queries = (features(network, test_part.images) - centre) * scale
    distances = ((queries[:, None] - means[None]) ** 2).sum(2)
    found = PrototypeHead().fit(network, shots, 0).predict(test_part.images)
    np.testing.assert_allclose(found, softmax(-TEMPERATURE * distances, axis=1), atol=1e-4)


def test_a_class_without_shots_is_never_predicted(network, shots, test_part):
    part = shots.take(np.flatnonzero(shots.labels != 2))
    found = PrototypeHead().fit(network, part, 0).predict(test_part.images)
    assert found.shape[1] == 4
    assert not (found[:, 2] > 1e-6).any()


def test_one_fold_is_refused():
    with pytest.raises(InvalidOptionError, match="folds"):
        PrototypeHead(folds=1)
