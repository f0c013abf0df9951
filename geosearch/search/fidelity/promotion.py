"""Promotion: how much a cheap rung may stop, by what the next rung is expected to bring for its cost."""

from __future__ import annotations

import numpy as np
from scipy import stats

from geosearch.search.fidelity.rank_agreement import RankAgreement

SHARES = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # of the proposals; fewer would exhaust a round's patience
_NODES = 64  # of the average over a truncated normal distribution


def share_to_train(trust: RankAgreement, look: float, seen: int, least: float = SHARES[0]) -> float:
    """The share of proposals worth a training: the one of greatest expected improvement per unit of cost.

    Score and error are taken for a normal pair of the trust's `correlation`. Of such proposals the best q by score are
    trained; each costs a training and 1/q looks, and improves on the best of `seen` evaluations by
    E[(b - error)+ | score among the best q], b being the expected least of so many normal numbers.

    Args:
        trust: of the rung, on the trials that were trained.
        look: cost of a look in units of a training.
        seen: trials that were trained, at least one.
        least: the least share to choose from, in (0, 1].

    Returns:
        One of `SHARES`, or `least`; 1 as long as the rung is not trusted.

    Source: Jones, Schonlau & Welch 1998 (expected improvement); Blom 1958 (least of n normal numbers).
    """
    if not trust.trusted:
        return 1.0
    shares = np.unique(np.maximum(SHARES, least))
    best = stats.norm.ppf((1 - 0.375) / (seen + 0.25))
    values = [_improvement(trust.correlation, share, best) / (1 + look / share) for share in shares]
    return float(shares[int(np.argmax(values))])


def shares_to_go_on(
    closed_form: RankAgreement, held_out_otdd: RankAgreement, look: float, seen: int
) -> tuple[float, float]:
    """The shares that closed form and held-out OTDD let pass, one after the other.

    Both are judged by the error: that a distance foretells a dearer distance is worth nothing. Together they stop no
    more than one of them may, and the one that is trusted more has the first say. A look at the closed form costs
    nothing, but a proposal that it stops has to be made up for by another one, which takes about as long as a look at
    the held-out OTDD.

    Args:
        closed_form, held_out_otdd: trust in each, on the trials that were trained.
        look: cost of a look at the held-out OTDD in units of a training.
        seen: trials that were trained, at least one.
    """
    if closed_form.correlation > held_out_otdd.correlation:
        first = share_to_train(closed_form, look, seen)
        return first, share_to_train(held_out_otdd, look, seen, float(SHARES[0] / first))
    second = share_to_train(held_out_otdd, look, seen)
    return share_to_train(closed_form, look, seen, float(SHARES[0] / second)), second


def _improvement(correlation: float, share: float, best: float) -> float:
    """E[(best - error)+] when the score lies among the best `share`: the mean over that part of its distribution."""
    scores = stats.norm.ppf(share * (np.arange(_NODES) + 0.5) / _NODES)
    deviation = np.sqrt(1 - correlation**2)
    z = (best - correlation * scores) / deviation
    return float(np.mean(deviation * (z * stats.norm.cdf(z) + stats.norm.pdf(z))))
