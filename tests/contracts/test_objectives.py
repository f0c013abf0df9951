"""What every pretraining objective promises: seeded, finite, a head of the mixture's classes, registered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs
from generators.training import BlobMixture

from geosearch.data.target import SealedLabels
from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, pretrain
from geosearch.nn.weight_averaging import TailAverage
from geosearch.pretraining.episodic import EpisodicPretraining
from geosearch.pretraining.inner import DescentInner, RidgeInner, SVMInner
from geosearch.pretraining.objective import INNERS, OBJECTIVES
from geosearch.pretraining.rotated_classes import RotatedClasses
from geosearch.runtime.registry import name_of

MADE = {
    "supervised": None,
    "episodic, ridge": EpisodicPretraining(RidgeInner(), ways=4),
    "episodic, svm": EpisodicPretraining(SVMInner(), ways=4),
    "episodic, descent": EpisodicPretraining(DescentInner(), ways=4),
    "rotated classes": RotatedClasses(),
}
RECIPE = Recipe(SmallConv(8), steps=4, batch=32, augmentation=Augmentation(0.0, 0.0, 0.05))


@pytest.mark.parametrize("name", MADE)
def test_equal_seeds_give_equal_networks_that_differ_from_the_start_and_are_finite(name):
    recipe = replace(RECIPE, objective=MADE[name])
    first, again, other = (pretrain(BlobMixture(), recipe, seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint not in (other.fingerprint, pretrain(BlobMixture(), recipe.scaled(0), 0).fingerprint)
    assert first.head.out_features == 6
    assert not first.training
    assert all(torch.isfinite(tensor).all() for tensor in first.state_dict().values())
    assert np.isfinite(features(first, blobs("target", 4, 4).images)).all()


@pytest.mark.parametrize("name", MADE)
def test_precision_and_averaging_of_the_recipe_hold(name):
    recipe = replace(RECIPE, objective=MADE[name], precision="bfloat16", averaging=TailAverage())
    network = pretrain(BlobMixture(), recipe, 0)
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


@pytest.mark.parametrize("name", MADE)
def test_no_sealed_label_is_revealed(name, monkeypatch):
    def refuse(self):
        raise AssertionError("test labels were read")

    monkeypatch.setattr(SealedLabels, "reveal", refuse)
    pretrain(BlobMixture(), replace(RECIPE, objective=MADE[name]), 0)


@pytest.mark.parametrize("name", MADE)
def test_a_training_that_diverges_fails_as_others_do(name):
    recipe = replace(RECIPE, objective=MADE[name], learning_rate=1e20, steps=12)
    with pytest.raises(TrainingFailedError):
        pretrain(BlobMixture(), recipe, 0)


@pytest.mark.parametrize("inner", [RidgeInner(), SVMInner(), DescentInner()])
def test_bad_options_and_mixtures_without_classes_are_refused(inner):
    for bad in ({"ways": 1}, {"support": 0}):
        with pytest.raises(InvalidOptionError):
            EpisodicPretraining(inner, **bad)
    one = blobs("one", 2, 40)
    flat = Pool((replace(one, labels=np.zeros(len(one), np.int64)),))
    with pytest.raises(DomainMismatchError, match="episodes need"):
        pretrain(flat, replace(RECIPE, objective=EpisodicPretraining(inner)), 0)


@pytest.mark.parametrize("kind", [SVMInner, DescentInner])
def test_heads_of_no_steps_are_refused(kind):
    with pytest.raises(InvalidOptionError, match="steps"):
        kind(steps=0)


def test_every_registered_one_is_here():
    assert set(OBJECTIVES.names()) == {name_of(type(one)) for one in MADE.values() if one}
    episodic = [one for one in MADE.values() if isinstance(one, EpisodicPretraining)]
    assert set(INNERS.names()) == {name_of(type(one.inner)) for one in episodic}
