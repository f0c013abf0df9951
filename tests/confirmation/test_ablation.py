"""Leaving sources out: right mixtures, right differences, nothing for a single source, failures survived."""

from __future__ import annotations

import pytest
from generators.searches import FakeObjective, surface

from geosearch.confirmation.ablation import explain, without_source
from geosearch.mixture.weights import Weights

BEST = Weights.of([0.6, 0.3, 0.1], 2.0)
NAMES = ("a", "b", "c")


def test_each_source_is_left_out_once_and_the_others_keep_their_proportions(search_in, tmp_path, hull):
    search = search_in(tmp_path / "study.db", evaluations=14)
    search.run()
    objective = FakeObjective()
    found = explain(BEST, NAMES, search.store.trials(), hull=hull, objective=objective, steps=50, jobs=1)
    assert [point for point, _ in objective.asked] == [BEST, *(without_source(BEST, i) for i in range(3))]
    assert without_source(BEST, 0).values == pytest.approx((0, 0.75, 0.25))
    assert [one.source for one in found] == list(NAMES)
    for i, one in enumerate(found):
        assert one.added == pytest.approx(0.9 * (surface(without_source(BEST, i)) - surface(BEST)))
        assert one.deviation > 0
    assert found[0].expected > found[2].expected


def test_a_source_of_next_to_no_share_is_known_to_matter_little(search_in, tmp_path, hull):
    """The mixtures with and without it are almost one, so what is not known of the one is not known of the other."""
    search, best = search_in(tmp_path / "study.db", evaluations=14), Weights.of([0.6, 0.399, 0.001], 2.0)
    search.run()
    found = explain(best, NAMES, search.store.trials(), hull=hull, objective=FakeObjective(), steps=50, jobs=1)
    assert found[2].deviation < 0.1 * found[0].deviation


def test_a_single_source_has_nothing_to_leave_out(hull):
    objective = FakeObjective()
    assert explain(Weights.single(1, 3), NAMES, (), hull=hull, objective=objective, steps=50, jobs=1) == ()
    assert not objective.asked


def test_of_many_sources_only_the_heaviest_are_left_out(monkeypatch, hull):
    monkeypatch.setattr("geosearch.confirmation.ablation.MOST_LEFT_OUT", 2)
    best, objective = Weights.of([0.1, 0.3, 0.6], 2.0), FakeObjective()
    found = explain(best, NAMES, (), hull=hull, objective=objective, steps=50, jobs=1)
    assert [one.source for one in found] == ["b", "c"]
    assert [point for point, _ in objective.asked] == [best, *(without_source(best, i) for i in (1, 2))]


def test_few_trials_and_failed_trainings_leave_blanks(hull):
    found = explain(BEST, NAMES, (), hull=hull, objective=FakeObjective(fail=True), steps=50, jobs=1)
    assert [(one.expected, one.deviation, one.added) for one in found] == [(None, None, None)] * 3
