"""Durations in words."""

from __future__ import annotations

import pytest

from geosearch.runtime.duration import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.2e-5, "12 µs"),
        (0.052, "52 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (38.4, "38 s"),
        (125, "2 min 5 s"),
        (300, "5 min"),
        (3599.7, "1 h"),
        (11520, "3 h 12 min"),
    ],
)
def test_durations_are_told_in_the_units_that_matter(seconds, text):
    assert duration(seconds) == text
