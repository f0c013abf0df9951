"""A comparison is paired, with its noise; a difference inside the noise is a tie."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from geosearch.confirmation.comparison import compare, format_points
from geosearch.confirmation.row import BEST, NO_PRETRAINING, Row

NOISE = np.array([0.0, 0.01, 0.02, 0.005, 0.015])  # of five trainings


def row(name, errors):
    return Row(name, {"ridge": tuple(errors)}, 1.0)


def test_differences_are_paired_so_that_common_noise_cancels():
    alone = row(NO_PRETRAINING, 0.15 + NOISE + np.array([0, 0.001, 0, 0.001, 0]))
    difference = compare(row(BEST, 0.10 + NOISE), alone, "ridge")
    assert difference.points == pytest.approx(-5.04)
    assert difference.half_width < 0.1
    assert difference.outcome == "better"


def test_a_difference_inside_its_interval_is_a_tie():
    assert compare(row(BEST, 0.10 + NOISE), row("single: usps", 0.101 + NOISE[::-1]), "ridge").outcome == "tie"


def test_a_worse_mixture_is_called_worse():
    assert compare(row(BEST, 0.10 + NOISE), row("pooled union", 0.08 + NOISE), "ridge").outcome == "worse"


def test_one_seed_is_never_more_than_a_tie():
    found = compare(row(BEST, [0.1]), row("pooled union", [0.5]), "ridge")
    assert math.isnan(found.half_width)
    assert found.outcome == "tie"
    assert found.clause() == "cannot be told from pooled union with one seed (−40.0 points)"


def counted(one: Row, networks: int, unlabelled: int) -> Row:
    return replace(one, networks={"ridge": networks}, unlabelled_images={"ridge": unlabelled})


def test_a_comparison_of_unequal_rows_says_so():
    best, other = row(BEST, [0.1, 0.2, 0.3]), row("committee-taught pooled union", [0.2, 0.1, 0.3])
    cases = {
        (1, 1400): "ties with committee-taught pooled union (0.0 ± 24.8 points)",
        (5, 1400): "ties with committee-taught pooled union (5 networks against 1; 0.0 ± 24.8 points)",
        (1, 0): "ties with committee-taught pooled union (0 unlabelled images against 1,400; 0.0 ± 24.8 points)",
    }
    for (networks, unlabelled), text in cases.items():
        found = compare(counted(best, 1, 1400), counted(other, networks, unlabelled), "ridge")
        assert found.clause().replace("−0.0", "+0.0") == text
    worse = compare(counted(best, 1, 1400), counted(row("taught", [0.4, 0.5, 0.6]), 4, 5000), "ridge")
    assert worse.clause() == (
        "lowers the test error by 30.0 ± 0.0 points against taught "
        "(4 networks against 1, 5,000 unlabelled images against 1,400)"
    )
    assert compare(best, other, "ridge").unequal == ""  # of a confirmation that did not count them


@pytest.mark.parametrize(
    ("points", "text"),
    [(1.26, "+1.3"), (-0.7, "−0.7"), (-0.04, "0.0"), (0.0, "0.0"), (-10.0, "−10.0"), (20.0, "+20.0")],
)
def test_points_are_written_with_a_true_minus(points, text):
    assert format_points(points) == text
