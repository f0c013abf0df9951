"""The free answer: what a study can say before any training, within its limits."""

from __future__ import annotations

import json

import numpy as np

from geosearch.mixture.baselines import CLOUD, WITHIN_LIMITS, baseline_weights
from geosearch.mixture.constraints import Limits
from geosearch.mixture.hull import Hull
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.space import Space
from geosearch.search.study_record import StudyRecord
from geosearch.search.trial_record import NO_TRIAL


def cloud_of(hull):
    return baseline_weights(["a", "b"], [1, 1], hull)[CLOUD]


def test_it_is_the_cloud_among_the_baselines_and_no_trial():
    hull = Hull(np.diag([1.0, 3.0]), np.eye(2))
    found = FreeAnswer.of(cloud_of(hull), Space(2), hull, lambda weights: 5.0)
    assert found.trial.point == cloud_of(hull)
    assert (found.trial.role, found.trial.number, found.trial.error) == (CLOUD, NO_TRIAL, None)
    assert (found.closed_form, found.proxy) == (hull.distance(cloud_of(hull)), 5.0)
    assert "a 0.75, b 0.25" in found.sentence(["a", "b"])


def test_a_projection_on_one_source_is_that_source():
    hull = Hull(np.array([[1.0, 2.0], [2.0, 5.0]]), np.eye(2))
    found = FreeAnswer.of(cloud_of(hull), Space(2), hull, lambda weights: 5.0)
    assert found.trial.point == cloud_of(hull)
    assert found.sentence(["a", "b"]).startswith("the projection's cloud, a 1.00 (")


def test_it_keeps_to_the_limits():
    hull = Hull(np.diag([1.0, 3.0]), np.eye(2))
    space = Space(2, limits=Limits(floors=(0.0, 0.0), caps=(0.5, 1.0)))
    found = FreeAnswer.of(cloud_of(hull), space, hull, lambda weights: 5.0)
    assert found.role == CLOUD + WITHIN_LIMITS
    assert found.trial.point == space.nearest(cloud_of(hull))


def test_it_is_kept_in_the_study():
    record = StudyRecord(free_answer=FreeAnswer((0.75, 0.25), CLOUD, 1.0, 2.0), baselines=("pooled union",))
    assert StudyRecord.from_attributes(json.loads(json.dumps(record.to_attributes()))) == record
