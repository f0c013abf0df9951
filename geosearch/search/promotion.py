"""Promotion: how many proposals a cheap rung may stop, by what a training is expected to bring for its cost."""

from __future__ import annotations

import numpy as np
from scipy import stats

from geosearch.search.proxy import Trust

SHARES = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # of the proposals; fewer would exhaust a round's patience
_NODES = 64  # of the average over a truncated normal distribution


def share_to_train(trust: Trust, look: float, seen: int) -> float:
    """The share of proposals worth a training: the one of greatest expected improvement per unit of cost.

    Score and error are taken for a normal pair whose correlation is sin(pi tau / 2), with tau at the lower end of its
    interval: a proxy earns its say. Of such proposals the best q by score are trained; each costs a training and 1/q
    looks, and improves on the best of `seen` evaluations by E[(b - error)+ | score among the best q], b being the
    expected least of so many normal numbers.

    Args:
        trust: of the rung, on the trials that reached the next one.
        look: cost of a look in units of a training.
        seen: trials that were trained, at least one.

    Returns:
        One of `SHARES`; 1 as long as the rung is not trusted.

    Source: Kruskal 1958 (tau and correlation); Jones, Schonlau & Welch 1998 (expected improvement); Blom 1958 (least
    of n normal numbers).
    """
    if not trust.trusted:
        return 1.0
    correlation = np.sin(np.pi / 2 * trust.low)
    best = stats.norm.ppf((1 - 0.375) / (seen + 0.25))
    values = [_improvement(correlation, share, best) / (1 + look / share) for share in SHARES]
    return float(SHARES[int(np.argmax(values))])


def _improvement(correlation: float, share: float, best: float) -> float:
    """E[(best - error)+] when the score lies among the best `share`: the mean over that part of its distribution."""
    scores = stats.norm.ppf(share * (np.arange(_NODES) + 0.5) / _NODES)
    deviation = np.sqrt(1 - correlation**2)
    z = (best - correlation * scores) / deviation
    return float(np.mean(deviation * (z * stats.norm.cdf(z) + stats.norm.pdf(z))))
