"""Shares: how many proposals a cheap fidelity keeps, by the expected improvement per unit of cost."""

from __future__ import annotations

import numpy as np
from scipy import stats

from geosearch.search.fidelity.rank_agreement import RankAgreement

SHARES = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # of the proposals; fewer would use up a round's attempts
_NODES = 64  # of the quadrature over a truncated normal distribution


def share_to_train(
    agreement: RankAgreement, proxy_cost_ratio: float, evaluations: int, least: float = SHARES[0]
) -> float:
    """The share of proposals to train that maximizes the expected improvement per unit of cost.

    Score and error are modeled as a normal pair with the agreement's `correlation`. The best share q of the proposals
    by score is trained; each costs a training and 1/q evaluations of the score, and improves on the best of the
    evaluations so far by E[(b - error)+ | score among the best q], where b is the expected minimum of as many normal
    numbers.

    Args:
        agreement: of the score with the errors of the trained trials.
        proxy_cost_ratio: cost of the score in units of a training.
        evaluations: number of trained trials, at least one.
        least: the least share to choose from, in (0, 1].

    Returns:
        One of `SHARES`, or `least`; 1 while the agreement is not significant.

    Source: Jones, Schonlau & Welch 1998 (expected improvement); Blom 1958 (minimum of n normal numbers).
    """
    if not agreement.is_significant:
        return 1.0
    shares = np.unique(np.maximum(SHARES, least))
    best = stats.norm.ppf((1 - 0.375) / (evaluations + 0.25))
    values = [_improvement(agreement.correlation, share, best) / (1 + proxy_cost_ratio / share) for share in shares]
    return float(shares[int(np.argmax(values))])


def shares_to_keep(
    closed_form: RankAgreement, proxy: RankAgreement, proxy_cost_ratio: float, evaluations: int
) -> tuple[float, float]:
    """The shares of proposals that the closed form and then the proxy keep.

    Both are compared with the errors of the trained trials. Together they prune no more than one of them may; the one
    with the higher correlation comes first. The closed form costs nothing itself, but a proposal that it prunes has to
    be replaced by another one, which takes about as long as the proxy.

    Args:
        closed_form, proxy: agreement of each with the errors of the trained trials.
        proxy_cost_ratio: cost of the proxy in units of a training.
        evaluations: number of trained trials, at least one.
    """
    if closed_form.correlation > proxy.correlation:
        first = share_to_train(closed_form, proxy_cost_ratio, evaluations)
        return first, share_to_train(proxy, proxy_cost_ratio, evaluations, float(SHARES[0] / first))
    second = share_to_train(proxy, proxy_cost_ratio, evaluations)
    return share_to_train(closed_form, proxy_cost_ratio, evaluations, float(SHARES[0] / second)), second


def _improvement(correlation: float, share: float, best: float) -> float:
    """E[(best - error)+] given a score among the best `share`: the mean over that part of its distribution."""
    scores = stats.norm.ppf(share * (np.arange(_NODES) + 0.5) / _NODES)
    deviation = np.sqrt(1 - correlation**2)
    z = (best - correlation * scores) / deviation
    return float(np.mean(deviation * (z * stats.norm.cdf(z) + stats.norm.pdf(z))))
