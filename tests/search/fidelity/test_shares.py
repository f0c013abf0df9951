"""Shares: an untrusted fidelity prunes nothing; agreement and a cheap proxy let it prune more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.fidelity.shares import SHARES, _improvement, share_to_train, shares_to_keep


def trusted(low: float) -> RankAgreement:
    return RankAgreement(tau=(low + 1) / 2, low=low, high=0.95, trials=30)


@pytest.mark.parametrize("low", [-0.3, 0.0])
def test_a_fidelity_that_is_not_trusted_prunes_nothing(low):
    assert share_to_train(trusted(low), proxy_cost_ratio=0.0, evaluations=20) == 1.0


def test_more_agreement_never_trains_more():
    shares = [share_to_train(trusted(low), proxy_cost_ratio=0.3, evaluations=20) for low in (0.02, 0.1, 0.2, 0.4, 0.8)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]


def test_a_more_expensive_proxy_never_prunes_more():
    shares = [share_to_train(trusted(0.1), proxy_cost_ratio=ratio, evaluations=20) for ratio in (0.0, 0.1, 0.5, 5.0)]
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
    assert share_to_train(trusted(0.9), proxy_cost_ratio=0.0, evaluations=5) == SHARES.min()


def test_two_trusted_fidelities_prune_no_more_together_than_one_may():
    first, second = shares_to_keep(trusted(0.5), trusted(0.5), proxy_cost_ratio=0.0, evaluations=20)
    assert first * second == pytest.approx(SHARES.min())
    assert shares_to_keep(trusted(0.1), trusted(0.5), proxy_cost_ratio=0.02, evaluations=20) == (
        1.0,
        SHARES.min(),
    )
    assert shares_to_keep(trusted(0.5), trusted(0.1), proxy_cost_ratio=0.02, evaluations=20) == (SHARES.min(), 1.0)
    assert shares_to_keep(trusted(-0.1), trusted(0.5), proxy_cost_ratio=0.0, evaluations=20) == (1.0, SHARES.min())
    assert shares_to_keep(trusted(0.2), trusted(-0.5), proxy_cost_ratio=0.3, evaluations=20)[1] == 1.0
