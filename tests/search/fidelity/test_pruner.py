"""RungPruner: like is compared with like, and a rung without a share stops nothing."""

from __future__ import annotations

import optuna
import pytest

from geosearch.search.fidelity.pruner import CLOSED_RUNG, PROXY_RUNG, RungPruner
from geosearch.search.trial import Proposal, keep_fact

DEARER_RUNG = 1  # of somebody else's study


def asked(study: optuna.Study, closed_form: float, otdd: float | None = None) -> optuna.Trial:
    trial = study.ask()
    keep_fact(trial, Proposal(0, 0, "searched", closed_form))
    if otdd is not None:
        trial.report(otdd, PROXY_RUNG)
    return trial


def study_with(keep: dict[int, float]) -> optuna.Study:
    """Six trials: closed forms 1 to 6, distances 10 to 15, errors below 1."""
    study = optuna.create_study(pruner=RungPruner(keep, warmup=4))
    for number in range(6):
        trial = asked(study, 1.0 + number, 10.0 + number)
        trial.report(0.1, DEARER_RUNG)
        study.tell(trial, 0.1)
    return study


def test_a_distance_is_compared_with_distances_only():
    """5 among distances of 10 goes on, although every closed form and every error lies below it."""
    study = study_with({CLOSED_RUNG: 0.5, PROXY_RUNG: 0.5})
    assert not asked(study, 1.0, otdd=5.0).should_prune()
    assert asked(study, 1.0, otdd=50.0).should_prune()


def test_before_there_is_a_distance_the_closed_form_is_compared_with_closed_forms():
    study = study_with({CLOSED_RUNG: 0.5, PROXY_RUNG: 0.5})
    assert not asked(study, 2.0).should_prune()
    assert asked(study, 5.0).should_prune()


@pytest.mark.parametrize("keep", [{}, {PROXY_RUNG: 1.0}, {CLOSED_RUNG: 0.1}])
def test_a_rung_stops_as_much_as_it_was_given_leave_to(keep):
    study = study_with(keep)
    assert not asked(study, 1.0, otdd=50.0).should_prune()
    assert asked(study, 50.0).should_prune() == (CLOSED_RUNG in keep)


def test_nothing_is_pruned_before_the_rung_has_filled():
    study = optuna.create_study(pruner=RungPruner({PROXY_RUNG: 0.5}, warmup=4))
    assert not asked(study, 1.0, otdd=1e9).should_prune()
