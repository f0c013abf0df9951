"""Weights are normalized and named alike; concentrations map to the unit interval and back."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.errors import InvalidWeightsError
from geosearch.mixture.weights import Weights, from_unit_concentration, to_unit_concentration


@given(st.floats(0, 1e3))
def test_spread_and_concentration_are_inverse(concentration):
    assert from_unit_concentration(to_unit_concentration(concentration)) == pytest.approx(
        concentration, rel=1e-6, abs=1e-9
    )


def test_the_ends_of_the_spread_axis():
    assert from_unit_concentration(0.0) == 0.0
    assert math.isinf(from_unit_concentration(1.0))
    assert to_unit_concentration(math.inf) == 1.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.5, 0.6], "sum to 1"),
        ([1.5, -0.5], "negative"),
        ([np.nan, 1.0], "finite"),
        ([], "finite numbers"),
    ],
)
def test_weights_off_the_simplex_are_refused(values, said):
    with pytest.raises(InvalidWeightsError, match=said):
        Weights.of(values)


def test_rows_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    values = np.vstack([rng.dirichlet(np.ones(5), 20), np.eye(5)])
    concentrations, pairings = [math.inf, 0.0, 2.0, 0.5, 7.0] * 5, ["transport", "random"] * 12 + ["random"]
    expected = [Weights.of(*one) for one in zip(values, concentrations, pairings, strict=True)]
    assert Weights.of_rows(values, concentrations, pairings) == expected
    assert Weights.of_rows(np.empty((0, 5)), [], []) == []


def test_a_row_that_is_off_the_simplex_is_the_one_that_is_named():
    with pytest.raises(InvalidWeightsError, match=re.escape("got [0.25, 0.5] with sum 0.75")):
        Weights.of_rows(np.array([[0.5, 0.5], [0.25, 0.5]]), [1.0] * 2, ["transport"] * 2)
    with pytest.raises(InvalidWeightsError, match=re.escape("one per source, got [nan, 0.5]")):
        Weights.of_rows(np.array([[0.5, 0.5], [np.nan, 0.5]]), [1.0] * 2, ["transport"] * 2)


def test_unknown_pairing_and_negative_concentration_are_refused():
    with pytest.raises(InvalidWeightsError, match="pairing"):
        Weights.of([1.0], pairing="sideways")
    with pytest.raises(InvalidWeightsError, match="concentration"):
        Weights.of([1.0], concentration=-1)


def test_the_pooled_union_takes_sources_in_proportion_to_their_sizes():
    assert Weights.pooled([30, 10]) == Weights.of([0.75, 0.25], concentration=0.0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda found: sum(found) > 0.01))
def test_equal_mixtures_have_one_name(values):
    weights = Weights.of(np.array(values) / sum(values))
    assert Weights.of(weights.values) == weights
    assert sum(weights.values) == pytest.approx(1, abs=1e-15 * len(values) + 1e-12)
    assert Weights.uniform(len(values)) == Weights.of([1 / len(values)] * len(values))
