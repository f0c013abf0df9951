"""FidelityPruner: values of one fidelity are compared, and one without a share prunes nothing."""

from __future__ import annotations

import optuna
import pytest

from geosearch.search.fidelity.pruner import CLOSED_FORM_STEP, PROXY_STEP, FidelityPruner
from geosearch.search.trial import Proposal, keep_fact

LATER_STEP = PROXY_STEP + 1


def asked(study: optuna.Study, closed_form: float, otdd: float | None = None) -> optuna.Trial:
    trial = study.ask()
    keep_fact(trial, Proposal(0, 0, "searched", closed_form))
    if otdd is not None:
        trial.report(otdd, PROXY_STEP)
    return trial


def study_with(keep: dict[int, float]) -> optuna.Study:
    """Six trials: closed forms 1 to 6, distances 10 to 15, errors below 1."""
    study = optuna.create_study(pruner=FidelityPruner(keep, warmup=4))
    for number in range(6):
        trial = asked(study, 1.0 + number, 10.0 + number)
        trial.report(0.1, LATER_STEP)
        study.tell(trial, 0.1)
    return study


def test_a_distance_is_compared_with_distances_only():
    """5 among distances of 10 goes on, although every closed form and every error lies below it."""
    study = study_with({CLOSED_FORM_STEP: 0.5, PROXY_STEP: 0.5})
    assert not asked(study, 1.0, otdd=5.0).should_prune()
    assert asked(study, 1.0, otdd=50.0).should_prune()


def test_before_there_is_a_distance_the_closed_form_is_compared_with_closed_forms():
    study = study_with({CLOSED_FORM_STEP: 0.5, PROXY_STEP: 0.5})
    assert not asked(study, 2.0).should_prune()
    assert asked(study, 5.0).should_prune()


@pytest.mark.parametrize("keep", [{}, {PROXY_STEP: 1.0}, {CLOSED_FORM_STEP: 0.1}])
def test_a_fidelity_prunes_as_much_as_it_may(keep):
    study = study_with(keep)
    assert not asked(study, 1.0, otdd=50.0).should_prune()
    assert asked(study, 50.0).should_prune() == (CLOSED_FORM_STEP in keep)


def test_nothing_is_pruned_before_there_are_enough_values():
    study = optuna.create_study(pruner=FidelityPruner({PROXY_STEP: 0.5}, warmup=4))
    assert not asked(study, 1.0, otdd=1e9).should_prune()
