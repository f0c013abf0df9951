"""RankAgreement: how well a cheap score ranks mixtures, by the rank correlation with a more expensive evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST = 6  # pairs below which no interval is given


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau of a score with the evaluation that it predicts, and its 95 % interval.

    Attributes:
        tau: Kendall's tau-b; nan with too few pairs.
        low, high: the 95 % interval.
        trials: number of pairs.

    >>> scores, errors = np.arange(8.0), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.7])
    >>> agreement = RankAgreement.of(scores, errors)
    >>> agreement.is_significant
    True
    >>> print(agreement.sentence())
    tau +0.93 [+0.76, +0.98] over 8 trials: the proxy agrees with the evaluations
    """

    tau: float
    low: float
    high: float
    trials: int

    @classmethod
    def of(cls, scores: np.ndarray, outcomes: np.ndarray) -> RankAgreement:
        """Of n scores and n outcomes, (n,) each, with an interval on Fisher's z scale.

        The standard error of atanh(tau) is sqrt(0.437 / (n - 4)). Source: Fieller, Hartley & Pearson 1957.
        """
        n = len(scores)
        tau = float(stats.kendalltau(scores, outcomes).statistic) if n > 1 else float("nan")
        if n < FEWEST or not np.isfinite(tau):
            return cls(float("nan"), -1.0, 1.0, n)
        z, half = np.arctanh(np.clip(tau, -0.999, 0.999)), 1.96 * np.sqrt(0.437 / (n - 4))
        return cls(tau, float(np.tanh(z - half)), float(np.tanh(z + half)), n)

    @property
    def is_significant(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    def sentence(self) -> str:
        """What the agreement of the proxy means for a search."""
        if not np.isfinite(self.tau):
            return f"too few evaluations ({self.trials}) to judge the proxy"
        verdict = "agrees with the evaluations" if self.is_significant else "is not shown to agree"
        return f"tau {self.tau:+.2f} [{self.low:+.2f}, {self.high:+.2f}] over {self.trials} trials: the proxy {verdict}"
