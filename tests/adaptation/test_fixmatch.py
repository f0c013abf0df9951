"""FixMatch: confident predictions of weak views label strong ones; nothing else of the unlabelled images is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs
from torch.nn import functional as F

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch, consistency
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation, cut_out, strengthen
from geosearch.nn.train import pretrain


@pytest.fixture
def network(mixture, recipe):
    return pretrain(mixture, recipe, seed=0)


@pytest.fixture
def unlabelled():
    return UnlabelledSet.of(blobs("target", 4, 40, seed=3, shift=1))


def error(predictor, data) -> float:
    return float((predictor.predict(data.images).argmax(1) != data.labels).mean())


def test_only_confident_predictions_label():
    torch.manual_seed(0)
    weak, strong = torch.randn(50, 4), torch.randn(50, 4, requires_grad=True)
    probability, labels = weak.softmax(1).max(1)
    for threshold in (0.3, 0.6, 1.0):
        sure = probability >= threshold
        by_hand = F.cross_entropy(strong[sure], labels[sure], reduction="sum") / 50 if sure.any() else torch.tensor(0.0)
        torch.testing.assert_close(consistency(weak, strong, threshold), by_hand)


def test_no_gradient_flows_through_the_weak_view():
    weak, strong = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4, requires_grad=True)
    consistency(weak, strong, 0.01).backward()
    assert weak.grad is None
    assert strong.grad is not None


def test_equal_seeds_give_equal_predictions_and_the_network_is_not_changed(network, shots, unlabelled, test_part):
    before, how = network.fingerprint, FixMatch(steps=5, unlabelled=unlabelled)
    first, again, other = (how.fit(network, shots, seed).predict(test_part.images) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert network.fingerprint == before


def test_it_learns_from_the_unlabelled_images(network, shots, unlabelled, test_part):
    few, plain = shots.take(np.arange(0, len(shots), 4)), Augmentation(0.0, 0.0, 0.05)
    errors = {}
    for weight in (0.0, 1.0):
        how = FixMatch(
            steps=60, batch=16, augmentation=plain, unlabelled=unlabelled, threshold=0.8, unlabelled_weight=weight
        )
        errors[weight] = np.mean([error(how.fit(network, few, seed), test_part) for seed in range(3)])
    assert errors[1.0] < errors[0.0]


def test_the_key_depends_on_the_images_and_options_are_checked(unlabelled, network, shots):
    how = FixMatch(unlabelled=unlabelled)
    assert len({how.key, FixMatch().key, replace(how, threshold=0.9).key, FineTuning().key}) == 4
    with pytest.raises(InvalidOptionError, match="unlabelled="):
        FixMatch().fit(network, shots, 0)
    with pytest.raises(InvalidOptionError, match="threshold"):
        FixMatch(threshold=0.0)
    with pytest.raises(InvalidOptionError, match="cutout"):
        FixMatch(cutout=1.0)
    other = UnlabelledSet(np.zeros((5, 8, 8, 3), np.uint8), "other")
    with pytest.raises(DomainMismatchError, match="unlabelled images of the target"):
        FixMatch(unlabelled=other).fit(network, shots, 0)


def test_the_strong_augmentation_is_the_weak_one_with_wider_ranges():
    weak = Augmentation(rotate=100.0, scale=0.2, translate=0.1, flip=True, recolour=0.5)
    assert strengthen(weak, 2.0) == Augmentation(180.0, 0.4, 0.2, flip=True, recolour=0.5)
    assert FixMatch(augmentation=weak).strong_augmentation == strengthen(weak, 2.0)
    assert strengthen(NO_AUGMENTATION, 2.0).is_identity


def test_cutout_fills_a_square_with_grey_somewhere_else_in_each_image():
    images = torch.zeros(200, 1, 16, 16)
    cut = cut_out(images, 0.5, torch.Generator().manual_seed(0))
    assert set(cut.unique().tolist()) == {0.0, 0.5}
    share = (cut > 0).float().mean((1, 2, 3))
    assert share.max() == pytest.approx(0.25)
    assert share.min() >= 0.25 / 4
    assert len({one.numpy().tobytes() for one in cut}) > 50
    assert not images.any()
