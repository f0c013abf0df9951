"""RandomChoice: every image has the same chance."""

from __future__ import annotations

import numpy as np

from geosearch.acquisition import LabelState, RandomChoice


def test_every_image_is_drawn_about_as_often():
    state = LabelState(np.zeros((10, 1)), np.zeros((0, 1)), np.zeros(0, np.int64), 2)
    drawn = np.concatenate([RandomChoice().choose(state, 5, seed=seed) for seed in range(200)])
    assert np.bincount(drawn, minlength=10).min() > 70
