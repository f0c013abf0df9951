"""The augmentation's ranges are searched beside the weights: baselines have the study's, finalists their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from generators.outcomes import outcomes
from generators.searches import FakeObjective

from geosearch.mixture.baselines import SEARCHED
from geosearch.mixture.weights import Weights
from geosearch.nn.augmentation import Augmentation
from geosearch.search.magnitudes import Magnitudes
from geosearch.search.space import Space

BASE = Augmentation(rotate=10.0, crop=0.2)
MAGNITUDES = Magnitudes(BASE)


@dataclass
class Turning(FakeObjective):
    """Errors are smaller, the nearer the largest rotation is to a quarter of a turn."""

    def evaluate_many(self, calls, *, jobs=1):
        results = super().evaluate_many(calls, jobs=jobs)
        turned = [(call[3] or BASE).rotate for call in calls]
        return [
            replace(result, squared_error=result.squared_error + abs(angle - 90) / 90)
            for result, angle in zip(results, turned, strict=True)
        ]


def augmentations(search):
    return [trial.augmentation for trial in search.store.trials()]


@pytest.mark.parametrize("base", [BASE, Augmentation(0.0, recolour=1.0), Augmentation(180.0)])
def test_the_parameters_of_the_base_are_within_the_space_and_mean_the_base(base):
    magnitudes = Magnitudes(base)
    assert set(magnitudes.params) == set(magnitudes.highest)
    assert all(0 <= magnitudes.params[name] <= high for name, high in magnitudes.highest.items())
    assert magnitudes.augmentation_of(magnitudes.params) is None


def test_parameters_are_ranges():
    magnitudes = Magnitudes(Augmentation(10.0, 0.1, 0.6, flip=True, crop=0.2, recolour=1.0))
    found = magnitudes.augmentation_of({"rotation": 1.0, "strength": 2.0, "recolour": 0.5})
    assert found == Augmentation(180.0, 0.2, 0.9, flip=True, crop=0.4, recolour=0.5)
    assert magnitudes.augmentation_of({"rotation": 0.0, "strength": 0.0, "recolour": 0.0}).rotate == 0
    assert "recolour" not in MAGNITUDES.highest


def test_a_space_without_magnitudes_has_the_parameters_of_before():
    assert Space(3).baseline_params(Weights.uniform(3)) == Space(3).params_of(Weights.uniform(3))
    assert Space(3).augmentation_of({}) is None


@pytest.mark.parametrize("sampler", ["hull", "tpe"])
def test_baselines_have_the_augmentation_of_the_study_and_proposals_their_own(search_in, tmp_path, sampler):
    search = search_in(tmp_path / "a.journal", Turning(), magnitudes=MAGNITUDES, sampler=sampler)
    search.run()
    trials = search.store.trials()
    assert all((trial.augmentation is None) == (trial.role != SEARCHED) for trial in trials)
    own = [trial.augmentation.rotate for trial in trials if trial.augmentation]
    assert len(own) == len(set(own)) >= 4


@pytest.mark.parametrize(("sampler", "stop"), [("hull", 9), ("tpe", 11)])
def test_a_resumed_study_equals_the_uninterrupted_one(search_in, tmp_path, sampler, stop):
    options = {"magnitudes": MAGNITUDES, "sampler": sampler}
    whole = search_in(tmp_path / "whole.journal", Turning(), **options)
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path / "cut.journal", Turning(die_after=stop), **options).run()
    again = search_in(tmp_path / "cut.journal", Turning(), **options)
    again.run()
    assert outcomes(again.store.trials()) == outcomes(whole.store.trials())
    assert augmentations(again) == augmentations(whole)


def test_finalists_are_trained_with_what_was_found_for_them(search_in, tmp_path):
    asked = []

    @dataclass
    class Listening(Turning):
        def evaluate_many(self, calls, *, jobs=1):
            asked.extend(call for call in calls if call[1])
            return super().evaluate_many(calls, jobs=jobs)

    search = search_in(tmp_path / "a.journal", Listening(), magnitudes=MAGNITUDES)
    search.run()
    known = {trial.point: trial.augmentation for trial in search.store.trials() if trial.long_runs}
    assert asked
    assert {(call[0], call[3]) for call in asked} == set(known.items())


@pytest.mark.slow
def test_a_magnitude_that_matters_is_found(search_in, tmp_path):
    search = search_in(tmp_path / "a.journal", Turning(), magnitudes=MAGNITUDES, sampler="hull", evaluations=40)
    best = search.run()
    assert best.augmentation.rotate == pytest.approx(90, abs=35)
