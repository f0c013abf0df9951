"""Promotion: an untrusted rung stops nothing; trust and cheap looks let it stop more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from geosearch.search.fidelity.promotion import SHARES, _improvement, share_to_train, shares_to_go_on
from geosearch.search.fidelity.rank_agreement import RankAgreement


def trusted(low: float) -> RankAgreement:
    return RankAgreement(tau=(low + 1) / 2, low=low, high=0.95, trials=30)


@pytest.mark.parametrize("low", [-0.3, 0.0])
def test_a_rung_that_is_not_trusted_stops_nothing(low):
    assert share_to_train(trusted(low), look=0.0, seen=20) == 1.0


def test_more_trust_never_trains_more():
    shares = [share_to_train(trusted(low), look=0.3, seen=20) for low in (0.02, 0.1, 0.2, 0.4, 0.8)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]


def test_dearer_looks_never_stop_more():
    shares = [share_to_train(trusted(0.1), look=look, seen=20) for look in (0.0, 0.1, 0.5, 5.0)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_improvement_is_that_of_simulated_proposals():
    rng = np.random.default_rng(0)
    correlation, share, best = 0.6, 0.4, -1.5
    score = rng.normal(size=400_000)
    error = correlation * score + np.sqrt(1 - correlation**2) * rng.normal(size=len(score))
    kept = error[score < stats.norm.ppf(share)]
    assert _improvement(correlation, share, best) == pytest.approx(np.maximum(best - kept, 0).mean(), rel=0.02)


def test_every_share_can_be_chosen_from():
    assert SHARES.max() == 1.0
    assert share_to_train(trusted(0.9), look=0.0, seen=5) == SHARES.min()


def test_two_trusted_rungs_stop_no_more_together_than_one_may():
    first, second = shares_to_go_on(trusted(0.5), trusted(0.5), look=0.0, seen=20)
    assert first * second == pytest.approx(SHARES.min())
    assert shares_to_go_on(trusted(0.1), trusted(0.5), look=0.02, seen=20) == (1.0, SHARES.min())  # the better judge
    assert shares_to_go_on(trusted(0.5), trusted(0.1), look=0.02, seen=20) == (SHARES.min(), 1.0)
    assert shares_to_go_on(trusted(-0.1), trusted(0.5), look=0.0, seen=20) == (1.0, SHARES.min())
    assert shares_to_go_on(trusted(0.2), trusted(-0.5), look=0.3, seen=20)[1] == 1.0
