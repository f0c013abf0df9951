"""The forecast of errors from divergences, as the geometry label tables use it."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from geosearch.errors import InvalidDataError

RESEARCH = Path(__file__).parents[2] / "research"
Forecast = runpy.run_path(str(next(RESEARCH.rglob("forecast.py"))))["Forecast"]


def test_a_line_is_found_and_kept_to_errors() -> None:
    x = np.array([0.1, 0.2, 0.4, 0.7])
    forecast = Forecast.of(x, 0.05 + 0.5 * x)
    assert (forecast.intercept, forecast.slope) == pytest.approx((0.05, 0.5))
    assert forecast.spread == pytest.approx(0, abs=1e-12)
    assert forecast.tau == pytest.approx(1)
    assert forecast(0.3) == pytest.approx(0.2)
    assert (forecast(5), forecast(-5)) == (1, 0)


def test_the_spread_is_that_of_lines_refitted_without_each_set() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(9), rng.random(9)
    missed = []
    for i in range(9):
        others = np.arange(9) != i
        slope, intercept = np.polyfit(x[others], y[others], 1)
        missed.append(y[i] - intercept - slope * x[i])
    assert Forecast.of(x, y).spread == pytest.approx(np.sqrt(np.mean(np.square(missed))))


def test_a_set_that_alone_makes_the_slope_is_forecast_by_the_mean_of_the_others() -> None:
    forecast = Forecast.of([0.1, 0.1, 0.5], [0.2, 0.4, 0.9])
    assert forecast.spread == pytest.approx(np.sqrt((0.2**2 + 0.2**2 + 0.6**2) / 3))


@pytest.mark.parametrize("x", [[0.1, 0.2], [0.3, 0.3, 0.3]])
def test_too_little_to_draw_a_line_through_is_refused(x: list[float]) -> None:
    with pytest.raises(InvalidDataError, match="three sets"):
        Forecast.of(x, x)
