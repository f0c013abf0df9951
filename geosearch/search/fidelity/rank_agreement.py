"""Trust: how far a cheap score may be believed, by how it ranked what a dearer look was taken at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST = 6  # pairs that say anything


@dataclass(frozen=True)
class RankAgreement:
    """Rank agreement of a score with what came after it: Kendall's tau and its 95 % interval."""

    tau: float
    low: float
    high: float
    trials: int

    @property
    def trusted(self) -> bool:
        """A score may stop trials only while its whole interval lies above zero."""
        return self.low > 0

    @property
    def correlation(self) -> float:
        """Of a normal pair with the tau at the interval's lower end, sin(pi tau / 2): a score earns its say.

        Zero while it is not trusted. Source: Kruskal 1958.
        """
        return float(np.sin(np.pi / 2 * self.low)) if self.trusted else 0.0

    def sentence(self) -> str:
        if not np.isfinite(self.tau):
            return f"too few evaluations ({self.trials}) to judge the proxy; it stops nothing"
        verdict = "agrees with the evaluations" if self.trusted else "is not shown to agree, so it stops nothing"
        return f"tau {self.tau:+.2f} [{self.low:+.2f}, {self.high:+.2f}] over {self.trials} trials: the proxy {verdict}"


def trust(scores: np.ndarray, outcomes: np.ndarray) -> RankAgreement:
    """Kendall's tau-b of n scores and n outcomes with an interval on Fisher's z scale.

    The standard error of atanh(tau) is sqrt(0.437 / (n - 4)). Source: Fieller, Hartley & Pearson 1957.
    """
    n = len(scores)
    tau = float(stats.kendalltau(scores, outcomes).statistic) if n > 1 else float("nan")
    if n < FEWEST or not np.isfinite(tau):
        return RankAgreement(float("nan"), -1.0, 1.0, n)
    z, half = np.arctanh(np.clip(tau, -0.999, 0.999)), 1.96 * np.sqrt(0.437 / (n - 4))
    return RankAgreement(tau, float(np.tanh(z - half)), float(np.tanh(z + half)), n)
