"""Means over targets with their intervals: the seeds of one target are no independent cases and are averaged first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from geosearch.confirmation.intervals import t_half_width


def over_targets(values: Iterable[tuple[str, float]]) -> tuple[float, float]:
    """Mean and half width of the 95 % t interval over targets of (target, value) pairs, several for each target."""
    by_target: dict[str, list[float]] = {}
    for target, value in values:
        by_target.setdefault(target, []).append(value)
    means = [float(np.mean(found)) for found in by_target.values()]
    return float(np.mean(means)), t_half_width(means)
