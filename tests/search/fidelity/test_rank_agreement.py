"""Rank agreement of a cheap score: its interval has the stated coverage, and there is none for too few trials."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.fidelity.statistics import Fidelity, rank_agreement
from geosearch.search.trial_record import TrialRecord


def test_perfect_agreement_is_trusted_and_disagreement_is_not():
    ranks = np.arange(12.0)
    assert RankAgreement.of(ranks, ranks).is_significant
    assert not RankAgreement.of(ranks, -ranks).is_significant
    assert RankAgreement.of(ranks, -ranks).tau == pytest.approx(-1)


def test_noise_is_not_trusted_more_often_than_it_may_be():
    rng = np.random.default_rng(0)
    trusted = [RankAgreement.of(rng.random(20), rng.random(20)).is_significant for _ in range(1000)]
    assert np.mean(trusted) < 0.05


def test_the_interval_holds_the_true_tau_as_often_as_it_says():
    """For a normal pair with correlation r, tau = 2/pi arcsin r."""
    rng = np.random.default_rng(1)
    r = 0.6
    truth = 2 / np.pi * np.arcsin(r)
    inside = 0
    for _ in range(400):
        x = rng.normal(size=25)
        found = RankAgreement.of(x, r * x + np.sqrt(1 - r * r) * rng.normal(size=25))
        inside += found.low <= truth <= found.high
    assert 0.9 <= inside / 400 <= 0.99


def test_trials_of_one_mixture_count_once():
    """Law: copies are no evidence."""
    once = [facts(number, Weights.of([0.1 * number, 1 - 0.1 * number])) for number in range(1, 8)]
    assert rank_agreement(Fidelity.PROXY, once).trials == 7
    assert rank_agreement(Fidelity.PROXY, [*once, *once[:3]]) == rank_agreement(Fidelity.PROXY, once)


def facts(number: int, point: Weights) -> TrialRecord:
    score = float(number)
    return TrialRecord(number, "complete", "searched", *astuple(point), score, score, score, None, None, 1.0)


def test_too_few_trials_are_never_trusted():
    for n in range(6):
        found = RankAgreement.of(np.arange(float(n)), np.arange(float(n)))
        assert not found.is_significant
        assert "too few" in found.sentence()
