"""Budgets: as much as the minutes allow on this machine."""

from __future__ import annotations

import pytest

from geosearch.draft.budget import BUDGETS, Plan, plan_budget

SETTINGS = {"study": {"name": "mine"}, "domain": {"target": "digits", "sources": ["npz:a.npz", "npz:b.npz"]}}


def plan(minutes: float, size: int = 64) -> Plan:
    return plan_budget(SETTINGS, classes=20, size=size, minutes=minutes)


def test_more_minutes_give_no_less():
    plans = [plan(minutes) for minutes in (1, 5, 20, 60, 300)]
    assert [one.seconds for one in plans] == sorted(one.seconds for one in plans)
    assert all(one.fits for one in plans[1:])
    assert plans[-1].budget is BUDGETS[0]
    assert plans[-1].size == 64


def test_smaller_images_are_preferred_to_a_search_too_short(fast_machine):
    slow = next(plan(minutes) for minutes in range(60, 0, -1) if plan(minutes).size < 64)
    assert slow.fits
    assert BUDGETS.index(slow.budget) <= 4


def test_what_does_not_fit_says_so(fast_machine):
    fast_machine(10.0)
    found = plan(5)
    assert (found.budget, found.size, found.fits) == (BUDGETS[-1], 28, False)
    assert "no smaller budget" in found.reason


@pytest.mark.parametrize("longer", range(len(BUDGETS) - 1))
def test_budgets_go_from_long_to_short(longer):
    one, next_one = BUDGETS[longer], BUDGETS[longer + 1]
    assert one.evaluations * one.steps > next_one.evaluations * next_one.steps or one.long_steps > next_one.long_steps


def test_labels_that_judge_in_folds_take_their_time():
    judged = plan_budget(SETTINGS, classes=20, size=28, minutes=60, labels_judge=True)
    tested = plan_budget(SETTINGS, classes=20, size=28, minutes=60)
    assert judged.budget.sections(labels_judge=True)["confirm"]["folds"] == judged.budget.folds
    assert "folds" not in tested.budget.sections(labels_judge=False)["confirm"]
    again = plan_budget(SETTINGS, classes=20, size=28, minutes=tested.seconds / 60 + 0.01)
    assert again.budget == tested.budget
    assert judged.seconds != tested.seconds


def test_a_pretrained_network_is_trained_as_it_was_measured_and_its_time_counted(fast_machine):
    settings = {**SETTINGS, "recipe": {"network": "torchvision:resnet18"}}
    long = plan_budget(settings, classes=20, size=64, minutes=1e6)
    assert (long.budget.steps, long.budget.long_steps) == (50, 100)
    assert (long.budget.tuning, long.budget.controls) == (0, ("single-source", "joint-training"))
    more = plan_budget(settings, classes=20, size=64, minutes=1e6, images=1000)
    assert more.seconds == pytest.approx(long.seconds + 1000 * 1e-2)
    fast_machine(10.0)
    slow = plan_budget(settings, classes=20, size=64, minutes=1)
    assert (slow.budget.evaluations, slow.size) == (0, 64)
