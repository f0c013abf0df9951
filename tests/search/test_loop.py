"""The search loop: exact budget, baselines first, and an interrupted study equal to an uninterrupted one."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from generators.outcomes import outcomes
from generators.searches import GOAL, FakeObjective, FakeProxy
from optuna.trial import TrialState

from geosearch.errors import GeosearchError, TrainingFailedError
from geosearch.mixture.baselines import SEARCHED
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.runtime.progress import Log
from geosearch.runtime.result_cache import Evaluation
from geosearch.search.fidelity.statistics import fidelity_statistics
from geosearch.search.loop import Search
from geosearch.search.options import SearchOptions
from geosearch.search.space import Space
from geosearch.search.study_store import StudyStore


def test_a_study_resumed_at_any_moment_equals_the_uninterrupted_one(search_in, tmp_path):
    whole = search_in(tmp_path / "whole.journal", sampler="random")
    best = whole.run()
    for stop in (1, 8, 11, 15):
        path = tmp_path / f"cut-{stop}.{'db' if stop == 8 else 'journal'}"
        with pytest.raises(KeyboardInterrupt):
            search_in(path, FakeObjective(die_after=stop), sampler="random").run()
        again = search_in(path, sampler="random")
        resumed_best = again.run()
        assert outcomes(again.store.trials()) == outcomes(whole.store.trials())
        assert resumed_best.point == best.point


@pytest.mark.parametrize(
    ("sampler", "evaluations", "moment", "kind"),
    [("hull", 14, 11, "journal"), ("gp", 14, 11, "journal"), ("random", 24, 15, "db")],
)
def test_a_resume_between_two_tells_of_a_round_keeps_what_was_told(
    search_in, tmp_path, monkeypatch, sampler, evaluations, moment, kind
):
    options = {"sampler": sampler, "evaluations": evaluations}
    whole = search_in(tmp_path / f"whole.{kind}", **options)
    whole.run()
    cut = search_in(tmp_path / f"cut.{kind}", **options)
    told = []
    real = type(cut.store.study).tell

    def tell(study, trial, *arguments, **options):
        if len(told) == moment:  # among the trials that the sampler proposed
            raise KeyboardInterrupt
        told.append(trial)
        return real(study, trial, *arguments, **options)

    monkeypatch.setattr(type(cut.store.study), "tell", tell)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    monkeypatch.undo()
    again = search_in(tmp_path / f"cut.{kind}", **options)
    again.run()
    assert outcomes(again.store.trials()) == outcomes(whole.store.trials())


@pytest.fixture(scope="module")
def in_two_budgets(search_in, tmp_path_factory):
    """Kind of file -> a search whose first budget ended within a round; its outcomes with the second budget spent."""

    @cache
    def searched(kind):
        folder = tmp_path_factory.mktemp("budgets")
        search_in(folder / f"first.{kind}", sampler="random", evaluations=15).run()
        shutil.copy(folder / f"first.{kind}", folder / f"whole.{kind}")
        whole = search_in(folder / f"whole.{kind}", sampler="random", evaluations=24)
        whole.run()
        return folder / f"first.{kind}", outcomes(whole.store.trials())

    return searched


@pytest.mark.parametrize(("moment", "kind"), [*((moment, "journal") for moment in range(9)), (4, "db")])
def test_a_study_that_is_killed_at_a_proxy_goes_on_as_if_it_had_not_been(
    search_in, in_two_budgets, tmp_path, moment, kind
):
    """The second budget is cut off while a distance is computed."""
    first, expected = in_two_budgets(kind)
    cut = tmp_path / f"cut.{kind}"
    shutil.copy(first, cut)
    with contextlib.suppress(KeyboardInterrupt):
        search_in(cut, proxy=FakeProxy(die_after=moment), sampler="random", evaluations=24).run()
    again = search_in(cut, sampler="random", evaluations=24)
    again.run()
    assert outcomes(again.store.trials()) == expected


@pytest.mark.parametrize(("moment", "kind"), [(0, "journal"), (1, "db"), (2, "journal")])
def test_a_race_that_is_killed_is_the_same_race_when_it_is_run_again(search_in, tmp_path, monkeypatch, moment, kind):
    """Noisy long runs; cut off in the race, before and after its notes."""
    options = {"sampler": "random", "evaluations": 24, "finalists": 5, "repeats": 4}
    whole = search_in(tmp_path / f"whole.{kind}", FakeObjective(noise=0.02), **options)
    best = whole.run()
    assert sum(t.long_runs > 0 for t in whole.store.trials()) == 5
    cut = search_in(
        tmp_path / f"cut.{kind}", FakeObjective(noise=0.02, die_after=30 if moment == 0 else None), **options
    )
    real = type(cut.store).set_meta

    def set_meta(store, key, value):
        late = key == "long_runs" if moment == 1 else moment == 2 and key == "race" and value["over"]
        if late:
            raise KeyboardInterrupt
        real(store, key, value)

    monkeypatch.setattr(type(cut.store), "set_meta", set_meta)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    monkeypatch.undo()
    again = search_in(tmp_path / f"cut.{kind}", FakeObjective(noise=0.02), **options)
    assert again.run().point == best.point
    assert outcomes(again.store.trials()) == outcomes(whole.store.trials())


def test_baselines_come_first_and_the_budget_is_exact(search_in, tmp_path):
    search = search_in(tmp_path / "study.journal", evaluations=13)
    search.run()
    trials = [t for t in search.store.trials() if t.state == "complete"]
    assert len(trials) == 13
    assert [t.role for t in trials[:8]] == list(search.baselines)
    assert [t.point for t in trials[:8]] == list(search.baselines.values())
    assert all(t.role == SEARCHED for t in trials[8:])


def test_a_baseline_is_the_mixture_of_its_name_among_many_sources(tmp_path):
    m = 20
    hull = Hull(np.eye(m) + 1.0, np.eye(m) + 1.0)
    store = StudyStore.open(f"sqlite:///{tmp_path / 'study.db'}", "toy", {"study.seed": 0}, Space(m))
    near_a_corner = [0.9, *[0.0] * (m - 2), 0.1]
    roles = {
        "projection": Weights.of(near_a_corner),
        "cloud": Weights.of(near_a_corner, 2.0),
        "mixup": Weights.of(near_a_corner, pairing="random"),
        "pooled": Weights.pooled(range(1, m + 1)),
    }
    objective, proxy = FakeObjective(), FakeProxy()
    proxy.otdd = lambda weights: 10.0
    trained = []

    def evaluate_many(calls, jobs=1):
        trained.extend(point for point, steps, *_ in calls if steps is None)
        return [Evaluation("key", 0.5, 0.5, 0.01) for _ in calls]

    objective.evaluate_many = evaluate_many
    options = SearchOptions(evaluations=4, sampler="random", finalists=1)
    Search(store, objective, hull, proxy, roles, options, Log()).run()
    assert {trial.role: trial.point for trial in store.trials()} == roles
    assert set(trained) == set(roles.values())
    assert {store.space.weights_of(trial.params) for trial in store.study.trials} == set(roles.values())


def test_running_again_spends_nothing_and_a_larger_budget_spends_the_difference(search_in, tmp_path):
    path = tmp_path / "study.journal"
    search_in(path, evaluations=12).run()
    idle = FakeObjective()
    search_in(path, idle, evaluations=12).run()
    assert idle.asked == []
    more = FakeObjective()
    search_in(path, more, evaluations=15).run()
    assert sum(steps is None for _, steps in more.asked) == 3


def test_stale_trials_are_reaped_before_the_first_ask(search_in, tmp_path):
    path = tmp_path / "study.journal"
    with pytest.raises(KeyboardInterrupt):
        search_in(path, FakeObjective(die_after=9)).run()
    search = search_in(path)
    assert search.store.study.get_trials(states=(TrialState.RUNNING,))
    search.run()
    assert not search.store.study.get_trials(states=(TrialState.RUNNING,))


def test_every_proposal_is_trained_whatever_the_proxy_says(search_in, tmp_path):
    for sign in (1, -1):
        search = search_in(tmp_path / f"{sign}.journal", proxy=FakeProxy(sign), sampler="random", evaluations=24)
        search.run()
        assert [t.state for t in search.store.trials()] == ["complete"] * 24


def test_a_study_says_what_each_fidelity_cost(search_in, tmp_path):
    search = search_in(tmp_path / "study.journal", sampler="random", evaluations=24)
    search.run()
    trials = search.store.trials()
    closed, proxy, short, long = fidelity_statistics(search.store)
    lengthened = [t for t in trials if t.long_runs]
    assert closed.evaluations == len(trials)
    assert 0 < closed.seconds == sum(t.closed_seconds for t in trials)
    assert proxy.evaluations == 24
    assert proxy.seconds == sum(t.proxy_seconds for t in trials)
    assert (short.evaluations, short.seconds) == (24, pytest.approx(0.24))
    assert long.evaluations == sum(t.long_runs for t in trials) > 0
    assert long.seconds == pytest.approx(0.01 * long.evaluations)
    assert proxy.agreement.trials == 24
    assert short.agreement.trials == len(lengthened)
    assert long.agreement is None


def test_the_best_few_go_on_to_the_long_recipe(search_in, tmp_path):
    objective = FakeObjective()
    search = search_in(tmp_path / "study.journal", objective, finalists=3, repeats=2)
    best = search.run()
    ranked = [t for t, _ in search.rank([t for t in search.store.trials() if t.state == "complete"])]
    assert [t.long_error is not None for t in ranked[:4]] == [True, True, True, False]
    assert best.number == min(ranked[:3], key=lambda t: t.long_error).number
    assert [steps for _, steps in objective.asked].count(50) == 3 * 2


def test_trials_of_one_mixture_take_one_place_in_the_race(search_in, tmp_path):
    """As if the projection were a single source, which makes four baselines one mixture; here the best of all."""
    best = Weights.of(GOAL, concentration=2.0)
    roles = {"single: a": best, "hull projection": best, "mixup": best, "uniform": Weights.uniform(3)}
    search = replace(search_in(tmp_path / "study.journal", finalists=3, sampler="random"), baselines=roles)
    search.run()
    raced = [trial.point for trial in search.store.trials() if trial.long_runs]
    assert len(raced) >= 3
    assert len(set(raced)) == len(raced)


def test_a_race_without_a_single_run_is_run_again(search_in, tmp_path):
    path = tmp_path / "study.journal"

    class Broken(FakeObjective):
        def evaluate_many(self, calls, *, jobs=1):
            long = any(steps for _, steps, *_ in calls)
            return [TrainingFailedError("disk full")] * len(calls) if long else super().evaluate_many(calls, jobs=jobs)

    with pytest.raises(GeosearchError, match=r"all long trainings of the finalists failed.*disk full"):
        search_in(path, Broken()).run()
    whole = search_in(tmp_path / "whole.journal")
    whole.run()
    mended = search_in(path)
    mended.run()
    assert [t.long_error for t in mended.store.trials()] == [t.long_error for t in whole.store.trials()]
