"""The confirmation: what stands beside the mixtures is trained as it was tuned, and once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.studies import tiny_file

from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates import from_scratch
from geosearch.confirmation.candidates.from_scratch import FromScratch
from geosearch.confirmation.rows import request_rows
from geosearch.mixture.weights import Weights
from geosearch.runtime.progress import Log
from geosearch.study.build import build_confirmer
from geosearch.study.study import Study


@pytest.fixture
def confirmer(tmp_path, cache):
    file = tiny_file(tmp_path, recipe_adaptation="self-train")
    prepared = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache).prepared
    return build_confirmer(file, prepared, cache)


def test_without_pretraining_one_network_serves_every_adaptation(confirmer, monkeypatch):
    """Its student is augmented as the shots alone were tuned to be, not as the mixtures' networks are."""
    trained, augmented = [], []
    train_from_scratch, train_student = from_scratch.train_from_scratch, SelfTraining.train_student

    def noted(self, *args):
        augmented.append(self.augmentation)
        return train_student(self, *args)

    monkeypatch.setattr(
        from_scratch,
        "train_from_scratch",
        lambda *args, **kw: trained.append(args[1]) or train_from_scratch(*args, **kw),
    )
    monkeypatch.setattr(SelfTraining, "train_student", noted)
    tuned = replace(confirmer.recipe, augmentation=replace(confirmer.recipe.augmentation, rotate=3.0))
    predicted, _ = confirmer.predictions(FromScratch(tuned), 0)
    assert set(predicted) == {"ridge", "fine-tune", "self-train"}
    assert trained == [tuned]
    assert augmented == [tuned.augmentation]


def test_a_best_mixture_that_is_a_baseline_is_known_as_such(confirmer):
    baselines = {"single: near": Weights.single(0, 2), "uniform": Weights.uniform(2)}

    def equal(best: Weights) -> str | None:
        asked = {"singles": {"single: near": "near"}, "scratch": confirmer.recipe}
        rows = request_rows(confirmer.anchors, confirmer.target, best, baselines, **asked)
        return confirmer.run(rows, adaptation="ridge", count=1, seed=0, jobs=1, progress=Log()).equal

    assert equal(Weights.of([1.0, 0.0], concentration=3.0)) == "single: near"  # a cloud of one source is that source
    assert equal(Weights.of([0.9, 0.1])) is None


def test_predictions_are_those_of_the_seed_and_come_from_the_cache(confirmer, monkeypatch):
    alone = FromScratch(confirmer.recipe)
    first, seconds = confirmer.predictions(alone, 0)
    monkeypatch.setattr(from_scratch, "train_from_scratch", None)
    again, same = confirmer.predictions(alone, 0)
    assert seconds == same > 0
    for name, classes in first.items():
        np.testing.assert_array_equal(again[name], classes)
