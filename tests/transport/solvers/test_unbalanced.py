"""Unbalanced plans: what is far is left behind, unless the reach is long."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.errors import InvalidOptionError
from geosearch.transport.solvers.unbalanced import row_masses

COST = np.array([[0.0, 0.2], [0.1, 0.0], [9.0, 8.0]])


def test_far_rows_are_left_behind_and_near_ones_take_their_part() -> None:
    near, other, far = row_masses(COST, 0.5)
    assert far < 1e-3
    assert near > 1
    assert other > 1


def test_a_long_reach_moves_all_mass() -> None:
    assert row_masses(COST, 1e4) == pytest.approx(np.ones(3), abs=0.01)


def test_one_pair_has_the_mass_of_the_closed_form() -> None:
    """min over m of m c + 2 reach (m log m - m + 1) is at m = exp(-c / (2 reach))."""
    assert row_masses(np.array([[1.0]]), 0.5) == pytest.approx([np.exp(-1)], abs=1e-5)


def test_a_reach_must_be_positive() -> None:
    with pytest.raises(InvalidOptionError, match="reach"):
        row_masses(COST, 0)
