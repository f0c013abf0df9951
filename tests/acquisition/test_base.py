"""Laws of all strategies: different rows, the same for the same seed, whatever is labelled."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.acquisition import ACQUISITIONS, LabelState
from geosearch.errors import InvalidOptionError


def state_of(shots: int, classes: int = 3, per_class: int = 20) -> LabelState:
    data = blobs("mine", classes, per_class, seed=1, size=8)
    features = data.images.reshape(len(data), -1) / 255.0
    known = np.concatenate([np.flatnonzero(data.labels == one)[:shots] for one in range(classes)]).astype(int)
    rest = np.setdiff1d(np.arange(len(data)), known)
    return LabelState(features[rest], features[known], data.labels[known], classes)


@pytest.mark.parametrize("name", ACQUISITIONS.names())
@pytest.mark.parametrize("shots", [0, 1, 6])
@pytest.mark.parametrize("count", [1, 7, 42])
def test_rows_differ_and_a_seed_fixes_them(name, shots, count):
    state, strategy = state_of(shots), ACQUISITIONS.build(name, {})
    rows = strategy.choose(state, count, seed=3)
    assert rows.shape == (count,)
    assert len(set(rows.tolist())) == count
    assert 0 <= rows.min() <= rows.max() < len(state.unlabelled)
    assert (rows == strategy.choose(state, count, seed=3)).all()


@pytest.mark.parametrize("name", ACQUISITIONS.names())
def test_equal_images_can_be_chosen_all(name):
    state = LabelState(np.ones((12, 4)), np.ones((2, 4)), np.array([0, 1]), 2)
    assert sorted(ACQUISITIONS.build(name, {}).choose(state, 12, seed=0)) == list(range(12))


def test_an_unknown_strategy_is_refused_with_the_names():
    with pytest.raises(InvalidOptionError, match="'typical'"):
        ACQUISITIONS.build("tipical", {})
