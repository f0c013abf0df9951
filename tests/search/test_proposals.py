"""Proposals: of the sampler in rounds of any size, without repeats, until the limits leave no new mixture."""

from __future__ import annotations

import optuna
import pytest
from generators.searches import FakeObjective

from geosearch.mixture.constraints import Limits
from geosearch.runtime.events import SearchStopped
from geosearch.search.samplers.registry import build_sampler
from geosearch.search.worker import Worker


def test_no_trial_is_repeated(search_in, tmp_path):
    search = search_in(tmp_path / "study.journal", evaluations=18, sampler="gp")
    search.run()
    points = [t.point for t in search.store.trials() if t.state == "complete"]
    assert len(set(points)) == len(points)


def test_a_proposal_that_repeats_a_mixture_is_not_trained_and_a_neighbor_is(search_in, tmp_path, monkeypatch):
    """A sampler that always proposes the same mixture; with batch 1 too, where each repeats a complete trial."""

    class Stubborn(optuna.samplers.RandomSampler):
        def __init__(self) -> None:
            super().__init__(seed=0)

    monkeypatch.setattr("geosearch.search.proposals.build_sampler", lambda *_: Stubborn())
    for batch in (1, 4):
        objective = FakeObjective()
        search = search_in(tmp_path / f"{batch}.journal", objective, batch=batch, evaluations=16, finalists=1)
        search.spend()
        trials = search.store.trials()
        repeats = [t for t in trials if t.state == "repeat"]
        complete = {t.number: t for t in trials if t.state == "complete"}
        assert len(complete) == len(objective.asked) == len({point for point, _ in objective.asked}) == 16
        assert repeats
        assert all(t.proxy is None and (t.repeat.of is None or complete[t.repeat.of].point == t.point) for t in repeats)


def test_a_search_ends_where_its_limits_leave_no_new_mixture(search_in, tmp_path, monkeypatch):
    """One source at a time, of three: three mixtures, whatever the budget; the next run does not try again."""
    monkeypatch.setattr("geosearch.search.proposals.REPEATS", 15)
    only = Limits((0.0,) * 3, (1.0,) * 3, most=1)
    objective, events = FakeObjective(), []
    search = search_in(tmp_path / "study.journal", objective, limits=only, evaluations=24, sampler="random")
    monkeypatch.setattr(type(search.progress), "event", lambda _, event: events.append(event))
    search.run()
    assert 1 <= len({point for point, _ in objective.asked}) <= 3
    assert [type(event) for event in events].count(SearchStopped) == 1
    assert "wider [limits]" in str(next(event for event in events if isinstance(event, SearchStopped)))
    trials = len(search.store.trials())
    search.run()
    assert len(search.store.trials()) == trials
    Worker(search).run()
    assert len(search.store.trials()) == trials


@pytest.mark.parametrize("batch", [2, 12])
def test_rounds_of_any_size_are_proposed_by_the_sampler(search_in, tmp_path, monkeypatch, batch):
    asked = []

    def sampler(name, seed, prior, settings):
        asked.append(name)
        return build_sampler(name, seed, prior, settings)

    monkeypatch.setattr("geosearch.search.proposals.build_sampler", sampler)
    search_in(tmp_path / "study.journal", batch=batch, evaluations=24).run()
    assert set(asked) == {"tpe"}
