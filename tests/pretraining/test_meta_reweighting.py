"""Learning to reweight: its weights are products of gradients, and wrong labels come to count little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import as_tensor
from geosearch.nn.train import predict
from geosearch.pretraining.meta_reweighting import MetaReweighting, _sample_weights
from geosearch.pretraining.sample_weighting import Samples

DATA = blobs("data", 4, 50, size=12)
CLEAN = blobs("clean", 4, 10, seed=1, size=12)
METHOD = MetaReweighting(Recipe(network=SmallConv(8), steps=60, batch=40, augmentation=NO_AUGMENTATION))


def noisy(share: float) -> tuple[object, np.ndarray]:
    """The data with labels moved on by one or more, and which they are."""
    rng = np.random.default_rng(0)
    wrong = rng.random(len(DATA)) < share
    moved = np.where(wrong, (DATA.labels + rng.integers(1, 4, len(DATA))) % 4, DATA.labels)
    return replace(DATA, labels=moved), wrong


def test_weights_are_the_positive_products_of_the_gradients() -> None:
    """One sample after the other by reverse mode, on a network whose normalisation is left out of the question."""
    network = SmallConv(4).build(1, 12, 4, 0).train()
    x, y = as_tensor(DATA.images[::17]), torch.from_numpy(DATA.labels[::17].copy())
    clean = as_tensor(CLEAN.images[::5]), torch.from_numpy(CLEAN.labels[::5].copy())
    found = _sample_weights(network, Samples(x, y, np.arange(len(y))), Samples(*clean, np.arange(len(clean[1]))))
    parameters = list(network.parameters())

    def gradient(loss: torch.Tensor) -> torch.Tensor:
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters, retain_graph=True)])

    towards = gradient(F.cross_entropy(network(clean[0]), clean[1]))
    each = F.cross_entropy(network(x), y, reduction="none")
    products = torch.stack([gradient(loss) @ towards for loss in each]).clamp(min=0)
    assert found.numpy() == pytest.approx((products / products.mean()).numpy(), rel=1e-3, abs=1e-4)


def test_wrong_labels_count_little_and_the_network_learns_the_right_ones() -> None:
    data, wrong = noisy(0.4)
    found = METHOD.train(data, CLEAN, 0)
    assert roc_auc_score(wrong, -found.weights) > 0.9
    assert (predict(found.network, DATA.images).argmax(1) == DATA.labels).mean() > 0.9
