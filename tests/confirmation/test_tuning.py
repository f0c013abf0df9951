"""Adaptations are tuned with equal care for every kind of start, once for each, and told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from generators.studies import tiny_file

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import lengthen
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.confirmation.candidates.base import Setup, StartKind
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.tuning import KindTuner
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import SmallConv
from geosearch.study.build_confirmation import tune_adaptations
from geosearch.study.study import Study

DEFAULTS = {
    "ridge": RidgeHead(),
    "fine-tune": FineTuning(steps=3, batch=8),
    "linear-probe": LinearProbe(steps=2, batch=8),
    "rehearse": Rehearsal(steps=3, batch=8),
    "self-train": SelfTraining(steps=9, batch=8),
}


@pytest.fixture
def prepared(tmp_path, cache):
    file = tiny_file(tmp_path)
    return Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache).prepared


def tune(prepared, recipe, cache, trainings=3):
    pooled = Plain(Mixture(prepared.anchors, Weights.uniform(2)))
    tuner = KindTuner(Tuner(trainings, longest=12), Setup(prepared.target.shots, recipe.scaled(8)), 0, cache)
    return tuner.tune(DEFAULTS, [pooled, FromScratch()])


def test_every_kind_of_start_is_tuned_with_the_same_number_of_trainings(prepared, recipe, cache, monkeypatch):
    searched = []
    search = Tuner._search

    def noted(self, space, network, *args):
        searched.append((type(space.default).__name__, self.trainings, self.longest))
        return search(self, space, network, *args)

    monkeypatch.setattr(Tuner, "_search", noted)
    tuned = tune(prepared, recipe, cache)
    assert searched == [("FineTuning", 3, 12), ("LinearProbe", 3, 12)] * 2
    tune(prepared, recipe, cache)
    assert len(searched) == 4  # the rest is kept
    assert set(tuned.by_kind) == {StartKind.PRETRAINED, StartKind.FRESH}
    assert all(set(own) == set(DEFAULTS) for own in tuned.by_kind.values())


def test_rehearsal_and_self_training_take_over_what_was_found_for_fine_tuning(prepared, recipe, cache):
    tuned = tune(prepared, recipe, cache)
    for kind, own in tuned.by_kind.items():
        found = own["fine-tune"]
        for name in ("rehearse", "self-train"):
            assert own[name].learning_rate == found.learning_rate
            assert own[name].body_rate == found.body_rate
            assert own[name].steps == min(round(DEFAULTS[name].steps * found.steps / 3), 12)
        assert own["self-train"].teacher == (found if kind is StartKind.FRESH else None)
        assert own["ridge"] == DEFAULTS["ridge"]


def test_what_is_not_tuned_has_the_reference_of_the_tuner_whatever_the_start(prepared, recipe, cache):
    """No row is trained for a fixed 200 steps beside one that is trained at length."""
    by_kind = tune(prepared, recipe, cache, trainings=0).by_kind
    for kind, is_trained in ((StartKind.PRETRAINED, True), (StartKind.FRESH, False)):
        own, usual = by_kind[kind], DEFAULTS["fine-tune"]
        usual = usual if is_trained else lengthen(usual, recipe.scaled(8))
        assert own["fine-tune"] == Tuner(longest=12).reference(usual, is_trained=is_trained) != usual
        assert own["linear-probe"] == Tuner(longest=12).reference(DEFAULTS["linear-probe"], is_trained=is_trained)
        assert own["self-train"].weight_decay == own["fine-tune"].weight_decay
        assert own["self-train"].steps == min(round(9 * own["fine-tune"].steps / 3), 12)
        assert own["ridge"] == DEFAULTS["ridge"]
    assert by_kind[StartKind.FRESH]["self-train"].teacher == by_kind[StartKind.FRESH]["fine-tune"]


def test_one_shot_of_each_class_is_not_tuned_either(prepared, recipe, cache):
    shots = prepared.target.shots
    single = shots.take(np.unique(shots.labels, return_index=True)[1])
    tuner = KindTuner(Tuner(8, longest=12), Setup(single, recipe.scaled(8)), 0, cache)
    pooled = Plain(Mixture(prepared.anchors, Weights.uniform(2)))
    tuned = tuner.tune(DEFAULTS, [pooled, FromScratch()])
    assert tuned.by_kind == tune(prepared, recipe, cache, trainings=0).by_kind
    assert tuned.sentences[0].startswith("fine-tune, not tuned: pretrained 5 steps")


def test_untuned_starts_of_a_pretrained_network_have_the_settings_of_the_study(prepared, recipe, cache):
    """All of them, no pretraining too."""

    @dataclass(frozen=True)
    class Downloaded(SmallConv):
        is_pretrained: ClassVar[bool] = True

    pretrained = replace(recipe, network=Downloaded(4))
    by_kind = tune(prepared, pretrained, cache, trainings=0).by_kind
    assert by_kind[StartKind.PRETRAINED] == by_kind[StartKind.FRESH] == DEFAULTS


def test_what_was_found_is_told(prepared, recipe, cache, tmp_path):
    first, *_ = tune(prepared, recipe, cache).sentences
    assert first.startswith("fine-tune, tuned with 3 trainings for each kind of start: pretrained ")
    assert "; no pretraining " in first
    assert "steps at" in first
    untold, *_ = tune(prepared, recipe, cache, trainings=0).sentences
    assert untold.startswith("fine-tune, not tuned: pretrained 5 steps at 0.005, weight decay 0.3")


def test_a_study_keeps_what_was_found_with_its_confirmation(tmp_path, cache):
    file = tiny_file(tmp_path, confirm_tuning=2)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/kept.db", cache=cache)
    confirmation = study.run()
    assert confirmation.tuning == tune_adaptations(file, study.prepared, cache).sentences
    assert study.confirmation.tuning == confirmation.tuning
    assert all(np.isfinite(row.mean("fine-tune")) for row in confirmation.rows)
