"""The step that the advisor looks ahead, by definition and by finite differences; what it learns."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from generators.sets import blobs
from torch.nn import functional as F

from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import predict, pretrain
from geosearch.pretraining.advisor import AdvisorNetwork, clean_loss_after

DATA = blobs("data", 4, 50, size=12)
CLEAN = blobs("clean", 4, 10, seed=1, size=12)


def problem():
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(3, 5, generator=generator).double(), torch.randn(3, generator=generator).double()
    batch = torch.randn(6, 5, generator=generator).double(), torch.tensor([0, 1, 2, 0, 1, 2])
    clean = torch.randn(4, 5, generator=generator).double(), torch.tensor([0, 1, 2, 1])
    return weight, bias, batch, clean


def test_the_loss_looked_ahead_is_that_after_a_step_of_gradient_descent():
    weight, bias, batch, clean = problem()
    head = torch.nn.Linear(5, 3).double()
    head.load_state_dict({"weight": weight, "bias": bias})
    stepped = copy.deepcopy(head)
    optimizer = torch.optim.SGD(stepped.parameters(), lr=0.3)
    F.cross_entropy(stepped(batch[0]), batch[1]).backward()
    optimizer.step()
    expected = F.cross_entropy(stepped(clean[0]), clean[1])
    torch.testing.assert_close(clean_loss_after(weight, bias, batch, clean, rate=0.3), expected)
    plain = F.cross_entropy(head(clean[0]), clean[1])
    torch.testing.assert_close(clean_loss_after(weight, bias, batch, clean, rate=0.0), plain)


def test_its_derivative_in_the_shares_is_that_of_finite_differences():
    weight, bias, (features, labels), clean = problem()
    shares = torch.full_like(features, 0.7).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda one: clean_loss_after(weight, bias, (one * features, labels), clean), (shares,), eps=1e-6
    )


def test_wrong_labels_harm_the_network_less():
    rng = np.random.default_rng(0)
    wrong = rng.random(len(DATA)) < 0.4
    noisy = replace(DATA, labels=np.where(wrong, (DATA.labels + rng.integers(1, 4, len(DATA))) % 4, DATA.labels))
    recipe = Recipe(SmallConv(8), steps=80, batch=40, augmentation=NO_AUGMENTATION)
    advised, plain = AdvisorNetwork(recipe).train(noisy, CLEAN, 0).network, pretrain(Pool((noisy,)), recipe, 0)
    right, without = ((predict(one, DATA.images).argmax(1) == DATA.labels).mean() for one in (advised, plain))
    assert right > without + 0.05
