"""Facts are kept by name with a trial, and reasons are sentences only for people."""

from __future__ import annotations

import optuna
import pytest

from geosearch.search.trial_facts import (
    Failed,
    FailureReason,
    Proposal,
    ProxyValue,
    Repeat,
    Trained,
    attributes_of,
    fact_of,
    keep_fact,
    proposal_of,
)

FACTS = [
    Proposal(1, 2, "searched", 3.5, 0.1),
    ProxyValue(12.5, 0.2),
    Repeat(3),
    Repeat(),
    *(Failed(reason, "NaN loss") for reason in FailureReason),
    Trained(0.25, 1.5, "half the batch"),
]


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_a_fact_that_was_kept_with_a_trial_comes_back(tmp_path, fact):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=url, study_name="toy")
    trial = study.ask()
    keep_fact(trial, fact)
    (kept,) = optuna.load_study(storage=url, study_name="toy").trials
    assert fact_of(kept, type(fact)) == fact
    assert kept.user_attrs == attributes_of(fact)


def test_reasons_are_kept_by_their_names():
    kept = attributes_of(Failed(FailureReason.WORKERS_CRASHED, "3 workers crashed"))
    assert kept == {"failed": {"reason": "workers_crashed", "message": "3 workers crashed"}}


def test_a_sentence_tells_people_why():
    assert str(Repeat(3)) == "repeats trial 3"
    assert str(Repeat()) == "repeats a trial that is being evaluated"


def test_a_trial_without_a_proposal_is_no_trial_of_ours():
    trial = optuna.create_study().ask()
    assert fact_of(trial, Proposal) is None
    with pytest.raises(LookupError, match="no proposal"):
        proposal_of(trial)
