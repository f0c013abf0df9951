"""Variants of the best mixture: each trains on what it says, and is the same for equal arguments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from generators.studies import tiny_file
from generators.training import train_briefly

from geosearch.adaptation.predictors import EnsemblePredictor
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates import Condensed, SampleWeighted, Setup
from geosearch.confirmation.variants import VARIANTS, WeightedVariant
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.recipe import Recipe
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.study.study import Study

RECIPE = Recipe(steps=4, batch=16)
WEIGHTS = Weights.of([1.0, 0.0])


@dataclass(frozen=True)
class Told:
    """Predicts what it was told."""

    scores: np.ndarray

    def predict(self, images):
        return self.scores


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, shared_cache):
    folder = tmp_path_factory.mktemp("prepared")
    return Study.open(tiny_file(folder), storage=f"sqlite:///{folder}/study.db", cache=shared_cache).prepared


def test_every_variant_has_a_key_of_its_own_and_trains_to_the_same_weights_again(prepared, monkeypatch):
    train_briefly(monkeypatch, Condensation, steps=20)
    finalists = [WEIGHTS, Weights.of([0.5, 0.5])]
    made = [
        VARIANTS.build(name, {}).candidate(prepared.anchors, WEIGHTS, prepared.target.shots, finalists)
        for name in VARIANTS.names()
    ]
    assert len({one.key for one in made}) == len(VARIANTS.names())
    for one in made:
        first, again = (one.start(Setup(prepared.target.shots, RECIPE), 3).network for _ in range(2))
        for a, b in zip(first.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_student_of_several_is_self_trained_under_the_mean_of_their_labels(prepared):
    target = prepared.target
    how = SelfTraining(steps=3, unlabelled=UnlabelledSet.of(target.reference))
    anchors, finalists = prepared.anchors, [WEIGHTS, Weights.of([0.5, 0.5]), Weights.of([0.0, 1.0])]
    variant = VARIANTS.build("ensemble-teacher", {})
    several = variant.candidate(anchors, WEIGHTS, target.shots, finalists)
    assert [one.weights for one in several.others] == finalists[1:]
    alone = variant.candidate(anchors, WEIGHTS, target.shots, [WEIGHTS])
    setup = Setup(target.shots, RECIPE)
    start = several.start(setup, 0)
    by_all, by_one = (one.adapt(start, how, setup, 0).predict(target.test_images) for one in (several, alone))
    np.testing.assert_array_equal(by_one, how.fit(start.network, target.shots, 0).predict(target.test_images))
    assert not np.array_equal(by_all, by_one)
    votes = [Told(scores) for scores in (np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]]))]
    np.testing.assert_allclose(EnsemblePredictor(votes).predict(target.test_images), [[0.55, 0.45]])


def test_every_weighting_has_the_same_rows_and_what_the_network_saw_to_rehearse(prepared):
    variants = [VARIANTS.build(name, {}) for name in VARIANTS.names()]
    weighted = [one for one in variants if isinstance(one, WeightedVariant)]
    assert {one.method.name for one in weighted} == {
        "meta-reweighted",
        "importance-weighted",
        "domain-weighted",
        "mentor",
        "advisor",
    }
    shots = prepared.target.shots
    made = [one.candidate(prepared.anchors, WEIGHTS, shots, [WEIGHTS]) for one in weighted]
    assert len({one.rows(2).fingerprint for one in made}) == 1
    assert len({one.key for one in made}) == len(
        {one.start(Setup(shots, RECIPE), 2).network.fingerprint for one in made}
    )


def test_reweighted_rows_are_images_of_the_mixtures_sources_under_target_classes(prepared):
    one = SampleWeighted(prepared.anchors, WEIGHTS, prepared.target.shots, MetaReweighting, size=50)
    rows, known = one.rows(0), {image.tobytes() for image in prepared.anchors.sources[0].images}
    assert all(image.tobytes() in known for image in rows.images)
    assert rows.classes == prepared.target.shots.classes
    reference = prepared.anchors.reference.labels
    places = {image.tobytes(): i % len(reference) for i, image in enumerate(prepared.anchors.sources[0].images)}
    assert np.mean([reference[places[image.tobytes()]] for image in rows.images] == rows.labels) > 0.9


def test_a_condensed_mixture_is_as_small_as_it_says(prepared):
    mixture = Mixture(prepared.anchors, WEIGHTS)
    small = Condensed(mixture, Condensation(per_class=2, steps=3), size=200)
    learned = small.start(Setup(prepared.target.shots, RECIPE), 0).stream
    assert len(learned) <= 2 * mixture.class_count
    assert learned.class_count == mixture.class_count
