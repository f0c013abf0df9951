"""NoGain: a search ends where every baseline is within the noise of no pretraining, and says so."""

from __future__ import annotations

from dataclasses import replace

from geosearch.runtime.result_cache import PathPoint
from geosearch.search.no_gain import NoGain
from geosearch.search.options import SearchOptions
from geosearch.search.racing import find_best
from geosearch.search.study_record import StudyRecord
from geosearch.search.trial_record import TrialRecord


def trial(number: int, gain: float, noise: float) -> TrialRecord:
    start, point = PathPoint(0.0, 0.5, 0.3, 0.0), PathPoint(0.5, 0.5 - gain, 0.3, noise)
    return TrialRecord(
        number=number,
        state="complete",
        role=f"baseline {number}",
        weights=(0.5, 0.5),
        concentration=0.0,
        pairing="transport",
        closed_form=1.0,
        proxy=None,
        error=point.squared_error,
        top1_error=0.3,
        long_error=None,
        wall_seconds=1.0,
        interpolation=0.5,
        path=(start, point),
    )


def test_one_clear_gain_goes_on() -> None:
    assert NoGain.of([trial(0, 0.01, 0.01), trial(1, 0.03, 0.01)], 24) is None


def test_gains_within_the_noise_end_the_search() -> None:
    found = NoGain.of([trial(0, -0.02, 0.01), trial(1, 0.03, 0.02)], 24)
    assert found is not None
    assert (found.trials, found.role, round(found.gain, 6), found.noise) == (2, "baseline 1", 0.03, 0.02)
    assert "none of 2 mixtures" in found.sentence
    assert "by 0.03 ± 0.02" in found.sentence


def test_where_the_pretrained_features_are_kept_the_usual_baseline_is_the_answer() -> None:
    trials = [trial(0, -0.02, 0.01), trial(1, 0.03, 0.02)]
    found = NoGain.of(trials, 24, "baseline 0")
    assert found is not None
    assert (found.role, found.answer) == ("baseline 1", 0)
    assert "The union of all sources is taken" in found.sentence
    assert "No source pays" not in found.sentence
    assert (find_best(trials, found.answer).number, find_best(trials).number) == (0, 1)
    without = NoGain.of(trials, 24)
    assert without is not None
    assert find_best(trials, without.answer).number == 1, (
        "no pretraining is the answer, and the best mixture what it was"
    )
    for union in (replace(trials[0], error=None, path=()), replace(trials[0], interpolation=0.0)):
        harmful = NoGain.of([union, trials[1]], 24, "baseline 0")
        assert harmful is not None
        assert harmful.answer is None
        assert "No source pays" in harmful.sentence


def test_a_mixture_that_is_drawn_back_is_no_nearer_than_one_that_may_be_worse() -> None:
    drawn_back = replace(trial(0, 0, 0), interpolation=0.0)
    found = NoGain.of([drawn_back, trial(1, -0.01, 0.02)], 24)
    assert found is not None
    assert found.role == "baseline 1"
    assert "each is best" not in found.sentence


def test_no_pretraining_itself_is_no_gain() -> None:
    untouched = replace(trial(0, 0, 0), interpolation=0.0)
    found = NoGain.of([untouched], 24)
    assert found is not None
    assert "each is best with the pretrained weights as they are" in found.sentence
    nearer = NoGain.of([untouched, trial(1, 0.03, 0.02)], 24)
    assert nearer is not None
    assert nearer.role == "baseline 1"


def test_nothing_is_said_of_failed_trials_alone() -> None:
    assert NoGain.of([replace(trial(0, 0, 0), error=None, path=())], 24) is None


def test_the_rounds_that_hold_baselines_decide_once_they_are_over_and_before_others_begin() -> None:
    options = SearchOptions(evaluations=8, batch=2)
    weights = [(0.5, 0.5), (0.6, 0.4), (0.7, 0.3), (0.8, 0.2), (0.9, 0.1)]
    trials = [replace(trial(i, -0.01, 0.02), weights=values, round=i // 2) for i, values in enumerate(weights)]
    repeat = replace(trials[0], state="repeat", error=None, path=())
    found = NoGain.of_baselines([*trials[:4], repeat], 3, options)
    assert found == NoGain.of(trials[:4], 8)
    assert found is not None
    assert NoGain.of_baselines(trials[:3], 3, options) is None
    assert NoGain.of_baselines(trials, 3, options) is None
    assert NoGain.of_baselines(trials[:3], 3, replace(options, evaluations=3)) is not None


def test_a_larger_budget_goes_on_and_so_do_several_processes() -> None:
    record = StudyRecord(no_gain=NoGain(24, 8, "pooled union", 0.0, 0.1))
    assert record.stops(24)
    assert not record.stops(25)
    assert not replace(record, shared=True).stops(24)
    assert StudyRecord.from_attributes(record.to_attributes()) == record
