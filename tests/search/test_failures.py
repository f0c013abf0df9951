"""Trainings that fail end one trial with a reason; three in a row end the search with a sentence."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from generators.outcomes import outcomes
from generators.searches import FakeObjective
from generators.sets import blobs

from geosearch.adaptation.base import Score
from geosearch.errors import GeosearchError, InvalidOptionError, StorageError, TooLargeError, TrainingFailedError
from geosearch.mixture.weights import Weights
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache
from geosearch.search import objective as module
from geosearch.search.objective import Objective

HERE = Weights.of([0.5, 0.5])


@pytest.fixture
def objective(tmp_path, monkeypatch):
    """The real objective; only what it trains is replaced."""
    monkeypatch.setattr(module, "Mixture", lambda anchors, weights: SimpleNamespace(key=repr(weights)))
    judge = SimpleNamespace(key="judge", score=lambda *_: Score(0.25, 0.5))
    return Objective(None, blobs("shots", 2, 2), Recipe(batch=32), judge, Cache(tmp_path / "cache"), seed=0)


def trained(monkeypatch, behave):
    """Replace the training; the batches that were tried."""
    batches = []

    def pretrain(mixture, recipe, seed, device):
        batches.append(recipe.batch)
        behave(recipe.batch)

    monkeypatch.setattr(module, "pretrain", pretrain)
    return batches


def raising(error):
    def behave(batch):
        raise error

    return behave


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingFailedError("the loss became nan at step 3"), "the loss became nan at step 3"),
        (TooLargeError("needs 80 GiB, the limit is 16"), "needs 80 GiB"),
        (StorageError("cannot write cache: No space left on device"), "No space left on device"),
        (
            OSError(errno.EROFS, "Read-only file system"),
            r"OSError: \[Errno 30\] Read-only file system \(test_failures.py",
        ),
        (FileNotFoundError(2, "No such file or directory", "near.npz"), "FileNotFoundError: .*near.npz"),
        (IndexError("index 9 is out of bounds"), "IndexError: index 9 is out of bounds"),
        (
            torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"),
            r"OutOfMemoryError: CUDA out of memory\. \(",
        ),
        (MemoryError(), "MemoryError: no message"),
    ],
)
def test_every_failure_is_a_reason(objective, monkeypatch, error, reason):
    trained(monkeypatch, raising(error))
    (result,) = objective.evaluate_many([(HERE, None, 0)], jobs=1)
    assert isinstance(result, TrainingFailedError)
    with pytest.raises(TrainingFailedError, match=reason):
        raise result


def test_an_error_that_is_no_number_is_a_failure(objective, monkeypatch):
    """Told to Optuna it would be an interrupted trial, which is proposed again for ever."""
    trained(monkeypatch, lambda batch: None)
    nowhere = SimpleNamespace(key="nowhere", score=lambda *_: Score(float("nan"), 0.5))
    (result,) = replace(objective, scorer=nowhere).evaluate_many([(HERE, None, 0)], jobs=1)
    with pytest.raises(TrainingFailedError, match="the error of the mixture is nan"):
        raise result


def test_a_setting_that_cannot_work_ends_the_search(objective, monkeypatch):
    trained(monkeypatch, raising(InvalidOptionError("recipe.device is 'cuda' but torch finds no CUDA device")))
    with pytest.raises(InvalidOptionError):
        objective.evaluate_many([(HERE, None, 0)], jobs=1)


def test_a_gpu_out_of_memory_gets_half_the_batch_once(objective, monkeypatch):
    def only_small(batch):
        if batch > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")

    batches = trained(monkeypatch, only_small)
    found = objective(HERE)
    assert batches == [32, 16]
    assert found.note == "trained with a batch of 16 in place of 32: the GPU ran out of memory"
    again = objective(HERE)  # tries the whole batch first, then finds the half in the cache
    assert batches == [32, 16, 32]
    assert again == found
    halved = replace(objective, recipe=replace(objective.recipe, batch=16))
    assert halved(HERE) == replace(found, note="")  # the note is not about a recipe with that batch
    assert batches == [32, 16, 32]

    batches = trained(monkeypatch, raising(torch.OutOfMemoryError("CUDA out of memory")))
    (result,) = objective.evaluate_many([(Weights.of([0.1, 0.9]), None, 0)], jobs=1)
    assert batches == [32, 16]
    assert isinstance(result, TrainingFailedError)


@dataclass
class Failing(FakeObjective):
    """Fails at mixtures of one kind, each time it is asked."""

    def evaluate_many(self, calls, *, jobs=1):
        results = super().evaluate_many(calls, jobs=jobs)
        return [
            TrainingFailedError("a row that cannot be read") if 0.3 < point.values[1] < 0.45 else result
            for (point, *_), result in zip(calls, results, strict=True)
        ]


def test_a_search_goes_on_after_failures_and_is_the_same_after_a_resume(search_in, tmp_path):
    options = {"evaluations": 9, "sampler": "random", "finalists": 1, "repeats": 1}
    whole = search_in(tmp_path / "whole.db", Failing(), **options)
    best = whole.run()
    states = [trial.state for trial in whole.store.trials()]
    assert states.count("failed") > 0
    assert states.count("complete") == 9
    assert {t.reason for t in whole.store.trials() if t.state == "failed"} == {"a row that cannot be read"}
    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path / "cut.db", Failing(die_after=9), **options).run()
    again = search_in(tmp_path / "cut.db", Failing(), **options)
    assert again.run().point == best.point
    assert outcomes(again.store.trials()) == outcomes(whole.store.trials())


def test_three_failures_in_a_row_end_the_search_with_the_reason(search_in, tmp_path):
    search = search_in(tmp_path / "study.journal", FakeObjective(fail=True))
    with pytest.raises(GeosearchError, match=r"3 trainings in a row failed.*NaN loss"):
        search.run()
    assert {t.state for t in search.store.trials()} == {"failed"}
    assert search.store.trials()[0].reason == "NaN loss"


def test_a_search_that_was_stopped_by_failures_goes_on_once_the_cause_is_mended(search_in, tmp_path):
    with pytest.raises(GeosearchError, match="nothing is lost: fix the error"):
        search_in(tmp_path / "study.journal", FakeObjective(fail=True)).run()
    mended = search_in(tmp_path / "study.journal", evaluations=6, finalists=1, repeats=1)
    mended.run()
    assert [trial.state for trial in mended.store.trials()].count("complete") == 6
