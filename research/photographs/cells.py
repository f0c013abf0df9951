"""Cells of tables: a mean, and what lies between two rows with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geosearch.confirmation.intervals import t_half_width


def interval(gaps: Sequence[float] | np.ndarray) -> str:
    """Mean and half width of the 95 % interval; of a single number there is none.

    >>> interval([1.0]), interval([1.0, 2.0, 3.0])
    ('+1.0', '+2.0 ± 2.5')
    """
    width = t_half_width(gaps)
    return f"{np.mean(gaps):+.1f}" + (f" ± {width:.1f}" if np.isfinite(width) else "")


def beside(errors: np.ndarray, base: np.ndarray) -> str:
    """Mean of errors, and in parentheses the paired differences from others, unless they are the same.

    >>> beside(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    '1.5'
    """
    gaps = errors - base
    return f"{errors.mean():.1f}" + (f" ({interval(gaps)})" if gaps.any() else "")
