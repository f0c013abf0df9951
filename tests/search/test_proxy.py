"""Trust in a proxy, and the rung-wise pruner."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from geosearch.search.proxy import trust
from geosearch.search.pruner import PROXY_RUNG, SHORT_RUNG, RungPruner


def test_perfect_agreement_is_trusted_and_disagreement_is_not():
    ranks = np.arange(12.0)
    assert trust(ranks, ranks).trusted
    assert not trust(ranks, -ranks).trusted
    assert trust(ranks, -ranks).tau == pytest.approx(-1)


def test_noise_is_not_trusted_more_often_than_it_may_be():
    rng = np.random.default_rng(0)
    trusted = [trust(rng.random(20), rng.random(20)).trusted for _ in range(1000)]
    assert np.mean(trusted) < 0.05


def test_the_interval_holds_the_true_tau_as_often_as_it_says():
    """For a normal pair with correlation r, tau = 2/pi arcsin r."""
    rng = np.random.default_rng(1)
    r = 0.6
    truth = 2 / np.pi * np.arcsin(r)
    inside = 0
    for _ in range(400):
        x = rng.normal(size=25)
        found = trust(x, r * x + np.sqrt(1 - r * r) * rng.normal(size=25))
        inside += found.low <= truth <= found.high
    assert 0.9 <= inside / 400 <= 0.99


def test_too_few_trials_are_never_trusted():
    for n in range(6):
        found = trust(np.arange(float(n)), np.arange(float(n)))
        assert not found.trusted
        assert "too few" in found.sentence()


def test_the_pruner_compares_a_value_with_its_own_rung_only():
    """A distance of 5 among distances of 10 goes on, although every error in the study is below 1."""
    study = optuna.create_study(pruner=RungPruner(keep=0.5, warmup=4))
    for number in range(6):
        trial = study.ask()
        trial.report(10 + number, PROXY_RUNG)
        trial.report(0.1, SHORT_RUNG)
        study.tell(trial, 0.1)
    near, far = study.ask(), study.ask()
    near.report(5, PROXY_RUNG)
    far.report(50, PROXY_RUNG)
    assert not near.should_prune()
    assert far.should_prune()


def test_nothing_is_pruned_before_the_rung_has_filled():
    study = optuna.create_study(pruner=RungPruner(warmup=4))
    trial = study.ask()
    trial.report(1e9, PROXY_RUNG)
    assert not trial.should_prune()
