"""The contract of samplers: whoever proposes, budget, limits and history are kept."""

from __future__ import annotations

import pytest
from generators.outcomes import outcomes
from generators.searches import FakeObjective

from geosearch.mixture.constraints import Limits
from geosearch.search.samplers.registry import SAMPLERS

LIMITS = Limits((0.1, 0.0, 0.0), (1.0, 0.6, 0.5), (((0, 1), 0.7),), 2)  # floor, caps, group and number at once


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_a_resumed_study_equals_the_uninterrupted_one(search_in, tmp_path, sampler):
    whole = search_in(tmp_path / "whole.journal", sampler=sampler, evaluations=13)
    best = whole.run()
    path = tmp_path / "cut.journal"
    with pytest.raises(KeyboardInterrupt):
        search_in(path, FakeObjective(die_after=11), sampler=sampler, evaluations=13).run()
    again = search_in(path, sampler=sampler, evaluations=13)
    assert again.run().point == best.point
    assert outcomes(again.store.trials()) == outcomes(whole.store.trials())


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_every_trial_keeps_to_the_limits_and_the_budget_is_exact(search_in, tmp_path, sampler):
    search = search_in(tmp_path / "study.journal", sampler=sampler, limits=LIMITS, evaluations=12)
    best = search.run()
    trials = search.store.trials()
    assert all(LIMITS.allows(trial.point) for trial in trials)
    complete = [trial.point for trial in trials if trial.state == "complete"]
    assert len(complete) == 12
    searched = [trial.point for trial in trials if trial.state == "complete" and trial.role == "searched"]
    assert len(set(searched)) == len(searched)
    assert LIMITS.allows(best.point)
