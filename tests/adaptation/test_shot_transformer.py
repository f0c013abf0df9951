"""ShotTransformer: begins as the mean, learns from noisy episodes to doubt wrong shots, and needs a mixture for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.adaptation.prototypes import MeanPrototypes
from geosearch.adaptation.robust_prototypes import SimilarityPrototypes
from geosearch.adaptation.shot_transformer import (
    Episodes,
    LearnedPrototypes,
    ShotTransformer,
    ShotWeigher,
    describe_shots,
)
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import minimize


def clouds(rng, classes=12, images=40, d=16):
    centers = rng.normal(size=(classes, d))
    labels = np.repeat(np.arange(classes), images)
    return centers[labels] + 0.6 * rng.normal(size=(len(labels), d)), labels


def episodes(seed=0, classes=5, shots=5):
    z, labels = clouds(np.random.default_rng(seed))
    return Episodes(z, [np.flatnonzero(labels == label) for label in range(12)], classes, shots)


def weigher():
    return ShotWeigher(torch.Generator().manual_seed(0))


def test_an_untrained_one_gives_means():
    z, labels = clouds(np.random.default_rng(0), classes=4, images=5)
    rule = LearnedPrototypes(weigher())
    np.testing.assert_allclose(rule.prototypes(z, labels), MeanPrototypes().prototypes(z, labels), atol=1e-6)


def test_wrong_shots_of_an_episode_come_from_another_class():
    made = episodes()
    shots, described, wrong, queries = next(made.draw(np.random.default_rng(0)))
    assert shots.shape == (8, 5, 5, 16)
    assert queries.shape == (8, 5, 3, 16)
    assert described.shape == (8, 5, 5, 6)
    assert 0 < wrong.mean() < 0.5
    np.testing.assert_allclose(shots.mean((1, 2)), np.zeros((8, 16)), atol=1e-5)  # centred on the shots


def test_the_gradient_is_that_of_finite_differences():
    network = weigher().double()
    made = Episodes(np.random.default_rng(0).normal(size=(40, 4)), list(np.arange(40).reshape(4, 10)), 3, 3)
    batch = tuple(part[:2].double() for part in next(made.draw(np.random.default_rng(0))))
    with torch.no_grad():
        network.belief.weight.normal_(generator=torch.Generator().manual_seed(1))
    (slope,) = torch.autograd.grad(network.loss(batch), network.belief.weight)
    for i in (0, 7):
        steps = []
        for sign in (1, -1):
            with torch.no_grad():
                network.belief.weight[0, i] += sign * 1e-5
                steps.append(network.loss(batch).item())
                network.belief.weight[0, i] -= sign * 1e-5
        assert slope[0, i].item() == pytest.approx((steps[0] - steps[1]) / 2e-5, rel=1e-5)


def test_a_trained_one_doubts_wrong_shots_of_classes_it_has_not_seen():
    network = weigher()
    minimize(network, episodes().draw(np.random.default_rng(0)), network.loss, Recipe(steps=60, learning_rate=2e-3))
    rule, weights, wrongs = LearnedPrototypes(network), [], []
    for shots, _, wrong, _ in [next(episodes(seed=1).draw(np.random.default_rng(i))) for i in range(3)]:
        for one, doubt in zip(shots, wrong, strict=True):
            weights.append(rule.weights(one.reshape(25, 16).numpy(), np.repeat(np.arange(5), 5)))
            wrongs.append(doubt.reshape(25).numpy() > 0)
    weights, wrongs = np.concatenate(weights), np.concatenate(wrongs)
    assert weights[wrongs].mean() < 0.5 * weights[~wrongs].mean()


def test_a_single_shot_and_uneven_classes_have_finite_weights():
    z, labels = np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 0, 0, 1, 3, 3])
    assert np.isfinite(describe_shots(z, labels)).all()
    weights = LearnedPrototypes(weigher()).weights(z, labels)
    np.testing.assert_allclose(np.bincount(labels, weights=weights), [1, 1, 0, 1], atol=1e-6)


def test_without_a_mixture_similarity_stands_in():
    network = SmallConv(4).build(channels=1, size=8, classes=6, seed=0)
    assert isinstance(ShotTransformer().rule(network, blobs("target", 4, 4), 0, None), SimilarityPrototypes)


def test_bad_options_are_refused():
    with pytest.raises(InvalidOptionError, match="steps"):
        ShotTransformer(steps=-1)
