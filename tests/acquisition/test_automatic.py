"""Automatic: which strategy is used with how many labels."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.acquisition import Automatic, LabelState, Typical, Uncertain
from geosearch.acquisition.automatic import SWITCH


@pytest.mark.parametrize(
    ("labels", "strategy"), [(1, Typical), (int(SWITCH) - 1, Typical), (int(SWITCH), Uncertain), (50, Uncertain)]
)
def test_the_number_of_labels_decides(labels, strategy):
    rng = np.random.default_rng(0)
    state = LabelState(rng.normal(size=(30, 2)), rng.normal(size=(2 * labels, 2)), np.arange(2 * labels) % 2, 2)
    assert type(Automatic().strategy(state)) is strategy
    expected = strategy().choose(state, 4, seed=1)
    assert (Automatic().choose(state, 4, seed=1) == expected).all()
