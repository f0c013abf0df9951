"""Confirmation: what the test part said, with its noise. Pure statistics, no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from geosearch.mixture.baselines import SINGLE

BEST = "best mixture"
VARIANT = f"{BEST}, "  # how the names of its variants begin
NO_PRETRAINING = "no pretraining"


@dataclass(frozen=True)
class Row:
    """One candidate of the confirmation, retrained once per seed.

    Attributes:
        name: "best mixture", "single: usps", "pooled union", "no pretraining", ...
        top1_errors: adaptation name -> one test error in [0, 1] per seed, aligned over rows.
        wall_seconds: training and scoring, summed over the seeds.
    """

    name: str
    top1_errors: Mapping[str, tuple[float, ...]]
    wall_seconds: float

    def mean(self, adaptation: str) -> float:
        return float(np.mean(self.top1_errors[adaptation]))

    def spread(self, adaptation: str) -> float:
        """Standard deviation over the seeds."""
        errors = self.top1_errors[adaptation]
        return float(np.std(errors, ddof=1)) if len(errors) > 1 else float("nan")


@dataclass(frozen=True)
class Comparison:
    """Best mixture minus another row, paired by seed, in points of test error (negative is better)."""

    against: str
    adaptation: str
    points: float
    half_width: float  # of the 95 % t interval; nan with a single seed

    @property
    def outcome(self) -> str:
        """ "better", "worse", or "tie" when the interval holds zero (or there is no interval)."""
        if not abs(self.points) > self.half_width:
            return "tie"
        return "better" if self.points < 0 else "worse"

    def clause(self, against: str | None = None) -> str:
        """The outcome in words that follow a subject: "lowers the test error by 2.1 ± 0.6 points against ..."."""
        against = against or self.against
        interval = f" ± {self.half_width:.1f}"
        if np.isnan(self.half_width):
            return f"cannot be told from {against} with one seed ({self.points:+.1f} points)".replace("(-", "(−")
        if self.outcome == "tie":
            return f"ties with {against} ({self.points:+.1f}{interval} points)".replace("(-", "(−")
        verb = "lowers" if self.points < 0 else "raises"
        return f"{verb} the test error by {abs(self.points):.1f}{interval} points against {against}"


@dataclass(frozen=True)
class Confirmation:
    """All rows, for every adaptation; `adaptation` is the one the study is about.

    `equal` is the row of the baseline that the best mixture is, if it is one.
    """

    rows: tuple[Row, ...]
    adaptation: str
    seeds: tuple[int, ...]
    test_size: int
    equal: str | None = None

    @property
    def adaptations(self) -> tuple[str, ...]:
        return tuple(self.rows[0].top1_errors)

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def comparisons(self, adaptation: str | None = None) -> tuple[Comparison, ...]:
        """The best mixture against every other row, in the rows' order."""
        adaptation = adaptation or self.adaptation
        best = self.row(BEST)
        return tuple(compare(best, row, adaptation) for row in self.rows if row.name != BEST)

    def ranked(self, adaptation: str | None = None) -> tuple[Row, ...]:
        adaptation = adaptation or self.adaptation
        return tuple(sorted(self.rows, key=lambda row: row.mean(adaptation)))

    def verdict(self) -> str:
        """One sentence: against no pretraining, the best single source, and the strongest of the other rows."""
        variants = [row.name for row in self.rows if row.name.startswith(VARIANT)]
        ranked = [row.name for row in self.ranked() if row.name not in (BEST, self.equal, NO_PRETRAINING, *variants)]
        against, subject, another = {NO_PRETRAINING: NO_PRETRAINING}, "Pretraining on the best mixture", ""
        if self.equal and self.equal.startswith(SINGLE):
            subject = f"The best mixture is a single source, {self.equal.removeprefix(SINGLE)}; pretraining on it"
            another = "other "
        elif self.equal:
            subject = f"The best mixture is a baseline, {self.equal}; pretraining on it"
        if single := next((name for name in ranked if name.startswith(SINGLE)), None):
            against[single] = f"the best {another}single source, {single.removeprefix(SINGLE)}"
        if other := next((name for name in ranked if not name.startswith(SINGLE)), None):
            against[other] = f"the strongest other baseline, {other}"
        against |= {name: f"the same mixture, {name.removeprefix(VARIANT)}" for name in variants}
        clauses = [
            compare(self.row(BEST), self.row(name), self.adaptation).clause(label) for name, label in against.items()
        ]
        return f"{subject} {'; '.join(clauses)}."


def compare(best: Row, other: Row, adaptation: str) -> Comparison:
    """Paired difference of two rows over the seeds, with its 95 % t interval, in points."""
    differences = 100 * (np.asarray(best.top1_errors[adaptation]) - np.asarray(other.top1_errors[adaptation]))
    return Comparison(other.name, adaptation, float(differences.mean()), t_half_width(differences))


def t_half_width(values: Sequence[float] | np.ndarray, level: float = 0.95) -> float:
    """Half the width of the t interval of a mean; nan for a single value."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
