"""The confirmation: what stands beside the mixtures is trained as it was tuned, and once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from generators.studies import tiny_file

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import Setup, StartKind
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.record import ConfirmationRecord
from geosearch.confirmation.row_request import request_rows
from geosearch.mixture.weights import Weights
from geosearch.runtime.json_records import from_json
from geosearch.runtime.progress import Log
from geosearch.study.build_confirmation import build_confirmer
from geosearch.study.study import Study


@pytest.fixture
def confirmer(tmp_path, cache):
    file = tiny_file(tmp_path, recipe_adaptation="self-train")
    prepared = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache).prepared
    return build_confirmer(file, prepared, cache)


def test_without_pretraining_a_fresh_network_is_one_more_start(confirmer, monkeypatch):
    """It is adapted with what was tuned for its kind; its student learns from a fine-tuned teacher."""
    fitted, taught = [], []
    fit, train_student = FineTuning.fit, SelfTraining.train_student

    def noted(self, network, *args):
        fitted.append((self, network.head.out_features))
        return fit(self, network, *args)

    def noted_student(self, teacher, network, *args):
        taught.append((self.teacher, network is teacher.network))
        return train_student(self, teacher, network, *args)

    monkeypatch.setattr(FineTuning, "fit", noted)
    monkeypatch.setattr(SelfTraining, "train_student", noted_student)
    own = confirmer.adaptations[StartKind.FRESH]
    predicted, _ = confirmer.predictions(FromScratch(), 0)
    assert set(predicted) == set(own) == {"ridge", "fine-tune", "self-train"}
    assert fitted == [(own["fine-tune"], 4)] * 2
    assert taught == [(own["fine-tune"], True)]
    assert own["fine-tune"] != confirmer.adaptations[StartKind.PRETRAINED]["fine-tune"]


def test_rehearsal_without_pretraining_is_fine_tuning(confirmer):
    setup = Setup(confirmer.target.shots, confirmer.recipe)
    start, options = FromScratch().start(setup, 0), {"steps": 3, "body_rate": 0.5}
    images = confirmer.target.test_images
    rehearsed, tuned = (
        FromScratch().adapt(start, how, setup, 0).predict(images)
        for how in (Rehearsal(**options), FineTuning(**options))
    )
    np.testing.assert_array_equal(rehearsed, tuned)


def test_a_best_mixture_that_is_a_baseline_is_known_as_such(confirmer):
    baselines = {"single: near": Weights.single(0, 2), "uniform": Weights.uniform(2)}

    def equal(best: Weights) -> str | None:
        asked = {"singles": {"single: near": "near"}}
        rows = request_rows(confirmer.anchors, confirmer.target, best, baselines, **asked)
        return confirmer.run(rows, adaptation="ridge", count=1, seed=0, jobs=1, progress=Log()).equal

    assert equal(Weights.of([1.0, 0.0], concentration=3.0)) == "single: near"  # a cloud of one source is that source
    assert equal(Weights.of([0.9, 0.1])) is None


def test_what_a_single_training_found_can_be_kept(confirmer):
    """It has no intervals, and their nan is no JSON."""
    baselines = {"single: near": Weights.single(0, 2), "uniform": Weights.uniform(2)}
    asked = {"singles": {"single: near": "near"}}
    rows = request_rows(confirmer.anchors, confirmer.target, Weights.of([0.9, 0.1]), baselines, **asked)
    record = ConfirmationRecord(
        1, 1, result=confirmer.run(rows, adaptation="ridge", count=1, seed=0, jobs=1, progress=Log())
    )
    kept = from_json(ConfirmationRecord, json.loads(json.dumps(record.to_json())))
    assert kept == record
    assert np.isnan(kept.result.rows[0].half_width("ridge"))


def test_predictions_are_those_of_the_seed_and_come_from_the_cache(confirmer, monkeypatch):
    alone = FromScratch()
    first, seconds = confirmer.predictions(alone, 0)
    monkeypatch.setattr(FromScratch, "start", None)
    again, same = confirmer.predictions(alone, 0)
    assert seconds == same > 0
    for name, classes in first.items():
        np.testing.assert_array_equal(again[name], classes)
