"""Probabilities are learned by the gradient of the mean loss; they end where the formula says; they find a symmetry."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import geosearch
from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.learned_augmentation import BINS, EXPLORED, LearnedAugmentation, mean_losses
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool, as_tensor
from geosearch.nn.train import pretrain
from geosearch.nn.transformations import LARGEST


def test_estimates_are_the_finite_differences_of_the_mean_loss():
    generator = seeds.torch_stream(0, "table")
    table = torch.rand(4, 4, generator=generator, dtype=torch.float64)  # loss of both strengths together
    logits = torch.randn(2, 4, generator=generator, dtype=torch.float64)

    def mean_loss(logits):
        p = logits.softmax(1)
        return float(p[0] @ table @ p[1])

    differences = torch.zeros_like(logits)
    for k, b in np.ndindex(2, 4):
        moved = torch.zeros_like(logits)
        moved[k, b] = 1e-5
        differences[k, b] = (mean_loss(logits + moved) - mean_loss(logits - moved)) / 2e-5
    p = logits.softmax(1)
    drawn = torch.multinomial(p, 400_000, replacement=True, generator=generator)
    estimate = mean_losses(drawn, table[drawn[0], drawn[1]], p)
    torch.testing.assert_close(p * estimate, differences, atol=2e-3, rtol=0)


@pytest.mark.parametrize("penalty", [0.2, 1.0])
def test_of_a_fixed_network_they_are_the_exponentials_of_the_losses(penalty):
    learner, generator = LearnedAugmentation(penalty).learner(), seeds.torch_stream(0, "draws")
    cost = torch.tensor([0.0, 0.1, 0.2, 0.4, 0.8])  # of rotations; the other kinds cost nothing
    place, found = list(LARGEST).index("rotate"), []
    for step in range(600):
        learner(torch.zeros(512, 1, 8, 8), generator)
        learner.learn(cost[learner.drawn[place]])
        if step >= 300:
            found.append(learner.distribution)
    mean = torch.stack(found).mean(0)
    expected = (1 - EXPLORED) * (-cost / penalty).softmax(0) + EXPLORED / BINS
    torch.testing.assert_close(mean[place], expected, atol=0.02, rtol=0)
    torch.testing.assert_close(mean[list(LARGEST).index("shear")], torch.full((BINS,), 1 / BINS), atol=0.02, rtol=0)
    torch.testing.assert_close(mean[list(LARGEST).index("flip"), :2], torch.full((2,), 0.5), atol=0.02, rtol=0)


def test_a_training_begins_with_mostly_no_change():
    start = LearnedAugmentation().learner().probabilities
    assert all(row[0] > 0.65 for row in start.values())


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_penalties_are_refused(penalty):
    with pytest.raises(InvalidOptionError, match="penalty > 0"):
        LearnedAugmentation(penalty)


def test_rotations_become_frequent_where_images_are_rotated_and_large_ones_rare_where_they_are_upright():
    upright = geosearch.load("digits")
    turned = Augmentation(180.0, 0.0, 0.0)(as_tensor(upright.images), seeds.torch_stream(0, "rotated"))
    rotated = replace(upright, images=(turned * 255).byte().permute(0, 2, 3, 1).contiguous().numpy())
    recipe = Recipe(SmallConv(8), steps=250, augmentation=LearnedAugmentation())
    found = {
        name: pretrain(Pool((data,)), recipe, 0).learned_augmentation["rotate"]
        for name, data in (("upright", upright), ("rotated", rotated))
    }
    assert sum(found["upright"][3:]) < 0.1 < 0.25 < sum(found["rotated"][3:])  # more than 45 degrees
    assert sum(found["rotated"][1:]) > 0.5
