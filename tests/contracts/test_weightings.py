"""What every sample weighting promises: seeded, finite, weights of mean 1, bad input refused, a variant of a study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.confirmation.variants import VARIANTS, WeightedVariant
from geosearch.data.target import SealedLabels
from geosearch.errors import DomainMismatchError, InvalidDataError, InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.weight_averaging import TailAverage
from geosearch.pretraining.advisor import AdvisorNetwork
from geosearch.pretraining.domain_weighting import DomainWeighting
from geosearch.pretraining.importance_weighting import ImportanceWeighting
from geosearch.pretraining.mentor import MentorNet
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.pretraining.sample_weighting import SampleWeighting

RECIPE = Recipe(SmallConv(4), steps=8, batch=16, augmentation=Augmentation(0.0, 0.0, 0.05), label_smoothing=0.1)
KINDS = (MetaReweighting, ImportanceWeighting, DomainWeighting, MentorNet, AdvisorNetwork)
MADE: dict[str, SampleWeighting] = {kind.name: kind(RECIPE, clean_batch=12) for kind in KINDS}
DATA = blobs("data", 4, 20)
CLEAN = blobs("clean", 4, 5, seed=1)

every = pytest.mark.parametrize("name", MADE)


@every
def test_equal_seeds_give_equal_networks_and_weights_and_leave_the_sets_as_they_were(name):
    before = DATA.fingerprint, CLEAN.fingerprint
    first, again, other = (MADE[name].train(DATA, CLEAN, seed) for seed in (3, 3, 4))
    assert first.network.fingerprint == again.network.fingerprint != other.network.fingerprint
    np.testing.assert_array_equal(first.weights, again.weights)
    assert (DATA.fingerprint, CLEAN.fingerprint) == before


@every
def test_weights_are_finite_and_at_least_0_with_a_mean_of_1_and_the_network_is_finite(name):
    found = MADE[name].train(DATA, CLEAN, 0)
    assert found.weights.shape == (len(DATA),)
    assert (found.weights >= 0).all()
    assert found.weights.mean() == pytest.approx(1.0, rel=0.25)  # of batches, which hold some samples once more
    assert found.network.head.out_features == 4
    assert not found.network.training
    assert all(torch.isfinite(tensor).all() for tensor in found.network.state_dict().values())


@every
def test_samples_that_were_in_no_batch_have_no_weight(name):
    method = replace(MADE[name], recipe=RECIPE.scaled(2))
    assert np.isnan(method.train(DATA, CLEAN, 0).weights).sum() == len(DATA) - 2 * RECIPE.batch


@every
def test_averaged_weights_and_few_clean_samples_are_taken(name):
    method = replace(MADE[name], recipe=replace(RECIPE, averaging=TailAverage()))
    found = method.train(DATA, CLEAN.take([0, 5]), 0)
    assert np.isfinite(found.weights).all()
    assert all(torch.isfinite(tensor).all() for tensor in found.network.state_dict().values())


@every
def test_what_does_not_fit_is_refused(name):
    with pytest.raises(DomainMismatchError, match="same classes"):
        MADE[name].train(DATA, blobs("other", 3, 9), 0)
    with pytest.raises(DomainMismatchError, match="image shape"):
        MADE[name].train(DATA, blobs("other", 4, 9, size=12), 0)
    with pytest.raises(InvalidDataError, match="two clean ones"):
        MADE[name].train(DATA, CLEAN.take([0]), 0)
    with pytest.raises(InvalidDataError, match="samples to weigh"):
        MADE[name].train(DATA.take([]), CLEAN, 0)
    with pytest.raises(InvalidOptionError, match="clean_batch"):
        replace(MADE[name], clean_batch=1)


@every
def test_a_training_that_diverges_fails_as_others_do(name):
    method = replace(MADE[name], recipe=replace(RECIPE, learning_rate=1e20, steps=12))
    with pytest.raises(TrainingFailedError):
        method.train(DATA, CLEAN, 0)


@every
def test_no_sealed_label_is_revealed(name, monkeypatch):
    def refuse(self):
        raise AssertionError("test labels were read")

    monkeypatch.setattr(SealedLabels, "reveal", refuse)
    MADE[name].train(DATA, CLEAN, 0)


def test_every_variant_of_a_study_that_weighs_samples_is_here():
    variants = [VARIANTS.build(name, {}) for name in VARIANTS.names()]
    assert {one.method for one in variants if isinstance(one, WeightedVariant)} == set(KINDS)
