"""Learning-rate schedules stay within the peak; one cycle rises, then falls."""

import pytest

from geosearch.nn.schedule import Constant, OneCycle


@pytest.mark.parametrize("schedule", [OneCycle(), OneCycle(0.5), Constant()])
@pytest.mark.parametrize("steps", [1, 2, 100])
def test_schedules_stay_within_the_peak(schedule, steps):
    factors = [schedule.factor(step, steps) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)


def test_one_cycle_rises_then_falls():
    factors = [OneCycle(0.2).factor(step, 100) for step in range(100)]
    peak = factors.index(max(factors))
    assert 15 <= peak <= 25
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[-1] < 0.01
