"""The mentor believes samples of small loss, once it has seen what clean ones lose."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat

import numpy as np
import torch
from generators.sets import blobs
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool, as_tensor
from geosearch.nn.train import minimize, predict, pretrain
from geosearch.pretraining.mentor import Mentor, MentorNet
from geosearch.pretraining.sample_weighting import Samples

DATA = blobs("data", 4, 50, size=12)
CLEAN = blobs("clean", 4, 10, seed=1, size=12)
METHOD = MentorNet(Recipe(SmallConv(8), steps=80, batch=40, augmentation=NO_AUGMENTATION))


def samples(data, labels=None):
    labels = data.labels if labels is None else labels
    return Samples(as_tensor(data.images), torch.from_numpy(labels.copy()), np.arange(len(data)))


def test_where_losses_tell_clean_labels_apart_weights_fall_with_the_loss():
    """The network knows the classes, so that clean samples lose little under their labels and much under others."""
    network = METHOD.train(DATA, CLEAN, 0).network.train()
    mentor = Mentor(network, classes=4, steps=100, smoothing=0.0, seed=0)
    labels = np.where(np.arange(200) % 2 == 0, DATA.labels, (DATA.labels + 1) % 4)
    few = samples(DATA, labels), samples(CLEAN)
    minimize(mentor.learner, repeat(few), lambda both: mentor.loss(*both)[0], METHOD.recipe.scaled(100))
    weights = mentor.loss(*few)[1].numpy()
    assert weights[::2].min() > weights[1::2].max()
    with torch.no_grad():
        losses = F.cross_entropy(network(as_tensor(DATA.images)), torch.from_numpy(labels), reduction="none").numpy()
    for label in range(4):
        of_label = labels == label
        assert np.corrcoef(losses[of_label], weights[of_label])[0, 1] < -0.7


def test_all_weights_are_1_in_the_burn_in_and_then_no_longer():
    mentor = Mentor(SmallConv(4).build(1, 12, 4, 0).train(), classes=4, steps=10, smoothing=0.0, seed=0)
    found = [mentor.loss(samples(DATA), samples(CLEAN))[1] for _ in range(3)]
    assert [bool((weights == 1).all()) for weights in found] == [True, True, False]


def test_wrong_labels_count_little_and_harm_the_network_less():
    rng = np.random.default_rng(0)
    wrong = rng.random(len(DATA)) < 0.4
    noisy = replace(DATA, labels=np.where(wrong, (DATA.labels + rng.integers(1, 4, len(DATA))) % 4, DATA.labels))
    found = METHOD.train(noisy, CLEAN, 0)
    assert roc_auc_score(wrong, -found.weights) > 0.9
    plain = pretrain(Pool((noisy,)), METHOD.recipe, 0)
    right, without = ((predict(one, DATA.images).argmax(1) == DATA.labels).mean() for one in (found.network, plain))
    assert right > without
