"""Comparison: the best mixture against another row, paired, with its interval; a difference inside it is a tie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geosearch.confirmation.intervals import t_half_width
from geosearch.confirmation.row import Row


@dataclass(frozen=True)
class Comparison:
    """Best mixture minus another row, paired by training and test image, in points of error (negative is better).

    Attributes:
        against: name of the other row.
        adaptation: under which both were scored.
        points: mean difference.
        half_width: of the 95 % interval; nan with a single seed.
        unequal: what the other row has more or less of than the best mixture, in words; empty if nothing.
        error: the error that is compared, in words.

    >>> Comparison("mixup", "ridge", points=-2.1, half_width=0.6).clause()
    'lowers the test error by 2.1 ± 0.6 points against mixup'
    >>> Comparison("mixup", "ridge", points=0.2, half_width=0.6).outcome
    'tie'
    >>> Comparison("mixup", "ridge", points=0.2, half_width=0.6, unequal="5 networks against 1").clause()
    'ties with mixup (5 networks against 1; +0.2 ± 0.6 points)'
    """

    against: str
    adaptation: str
    points: float
    half_width: float
    unequal: str = ""
    error: str = "test error"

    @property
    def outcome(self) -> str:
        """ "better", "worse", or "tie" when the interval holds zero (or there is no interval)."""
        if not abs(self.points) > self.half_width:
            return "tie"
        return "better" if self.points < 0 else "worse"

    def clause(self, against: str | None = None) -> str:
        """The outcome in words that follow a subject: "lowers the test error by 2.1 ± 0.6 points against ..."."""
        against = against or self.against
        unequal, interval = f"{self.unequal}; " if self.unequal else "", f" ± {self.half_width:.1f}"
        points = format_points(self.points)
        if np.isnan(self.half_width):
            return f"cannot be told from {against} with one seed ({unequal}{points} points)"
        if self.outcome == "tie":
            return f"ties with {against} ({unequal}{points}{interval} points)"
        verb, mark = "lowers" if self.points < 0 else "raises", f" ({self.unequal})" if self.unequal else ""
        return f"{verb} the {self.error} by {abs(self.points):.1f}{interval} points against {against}{mark}"


def compare(best: Row, other: Row, adaptation: str, *, is_answer: bool = False) -> Comparison:
    """Paired difference of the best mixture and another row with its 95 % interval, in points.

    The interval is over trainings and test images (see `bootstrap_half_width`); over the trainings alone, by Student,
    in records of version 0.1.

    Args:
        best: the best mixture, or the answer.
        other: the other row.
        adaptation: under which both are scored.
        is_answer: whether `best` is the answer, if that is another row.
    """
    differences = 100 * (np.asarray(best.top1_errors[adaptation]) - np.asarray(other.top1_errors[adaptation]))
    known = (other.answer_gap_half_widths if is_answer else other.gap_half_widths).get(adaptation)
    half_width = t_half_width(differences) if known is None else 100 * known
    return Comparison(other.name, adaptation, float(differences.mean()), half_width, other.unequal(best, adaptation))


def format_points(points: float) -> str:
    """Format with a sign and one decimal: a typographic minus, and no sign on zero.

    >>> format_points(-2.14), format_points(0.3), format_points(-0.04)
    ('−2.1', '+0.3', '0.0')
    """
    return f"{round(points, 1) + 0.0:+.1f}".replace("-", "−").replace("+0.0", "0.0")
