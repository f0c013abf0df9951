"""The recorded surfaces: the surrogate knows how little few evaluations of them say."""

from __future__ import annotations

import numpy as np

from geosearch import seeds
from geosearch.search.samplers.base import random_weights
from geosearch.search.samplers.prior import Prior, ProxyDesign
from geosearch.search.space import Space
from research.search.samplers import shelves, surface


def share_outside(collection: str, repetitions: int = 9) -> float:
    """Share of 100 true errors outside the 95 % band after 9, 12 or 15 evaluations of random mixtures."""
    own, found = surface(collection), []
    space = Space(own.m)
    prior = Prior(space, own.hull, ProxyDesign.of(space, lambda weights: own.at(weights)[1]), np.array(own.gradient))
    for number in range(repetitions):
        rng, n = seeds.stream(number, "calibration", collection), 9 + 3 * (number % 3)
        weights = random_weights(space, n + 100, rng)
        true = np.array([own.at(one)[0] for one in weights])
        surrogate = prior.fit_surrogate(weights[:n], true[:n] + rng.normal(0, own.noise, n))
        mean, deviation = surrogate.predict(prior.points(weights[n:]), prior.scores(weights[n:]))
        found.append(float((np.abs(true[n:] - mean) > 1.96 * deviation).mean()))
    return float(np.mean(found))


def test_about_one_true_error_in_ten_lies_outside_the_95_percent_band():
    shares = {collection: share_outside(collection) for collection in shelves()}
    assert 0.06 < np.mean(list(shares.values())) < 0.12, shares
