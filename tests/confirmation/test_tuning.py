"""Adaptations are tuned with equal care for every kind of start, once for each, and told in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from generators.studies import tiny_file

from geosearch.adaptation.fine_tune import FineTuning
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


def test_without_tuning_the_defaults_stay(prepared, recipe, cache):
    """Those of a fresh network are long: about as many steps as pretraining and fine-tuning have together."""
    by_kind = tune(prepared, recipe, cache, trainings=0).by_kind
    assert by_kind[StartKind.PRETRAINED] == DEFAULTS
    assert by_kind[StartKind.FRESH]["fine-tune"].steps == 12
    assert by_kind[StartKind.FRESH]["self-train"].steps == DEFAULTS["self-train"].steps


def test_what_was_found_is_told(prepared, recipe, cache, tmp_path):
    first, *_ = tune(prepared, recipe, cache).sentences
    assert first.startswith("fine-tune, tuned with 3 trainings for each kind of start: pretrained ")
    assert "; no pretraining " in first
    assert "steps at" in first
    untold, *_ = tune(prepared, recipe, cache, trainings=0).sentences
    assert untold.startswith("fine-tune, not tuned: pretrained 3 steps at 0.005")


def test_a_study_keeps_what_was_found_with_its_confirmation(tmp_path, cache):
    file = tiny_file(tmp_path, confirm_tuning=2)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/kept.db", cache=cache)
    confirmation = study.run()
    assert confirmation.tuning == tune_adaptations(file, study.prepared, cache).sentences
    assert study.confirmation.tuning == confirmation.tuning
    assert all(np.isfinite(row.mean("fine-tune")) for row in confirmation.rows)
