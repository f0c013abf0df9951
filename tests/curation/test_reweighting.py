"""Reweighting lowers the error step by step, and the weights of mislabelled samples."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.curation.reweighting import reweight
from geosearch.curation.weighted_pool import WeightedPool
from geosearch.errors import InvalidOptionError


def test_reweighting_lowers_the_error_step_by_step_and_the_weights_of_wrong_labels(made):
    pool = made.pool(core=60)
    found = reweight(pool)
    assert (np.diff(found.losses) < 0).all()
    assert len(found.losses) <= 4
    assert found.weights.min() >= 0
    assert found.weights[made.wrong].mean() < found.weights[~made.wrong].mean() - 0.1
    assert made.error(pool.fit_head(found.weights)) <= made.error(pool.fit_head(np.ones(240)))
    assert "steps: leave-one-out error" in found.sentence


def test_reweighting_stops_where_no_step_helps():
    """Samples that say nothing: every derivative is zero."""
    pool = WeightedPool.of(np.zeros((12, 3)), np.full((12, 2), 0.5), ridge=1.0)
    found = reweight(pool)
    assert (found.weights == 1).all()
    assert "no step lowered" in found.sentence


def test_less_than_one_step_is_refused(made):
    with pytest.raises(InvalidOptionError, match="at least 1 step"):
        reweight(made.pool(), steps=0)
