"""Earlier studies: read with their sources in the right places, of use when targets are alike, harmless when not."""

from __future__ import annotations

import json
import math

import numpy as np
import optuna
import pytest
from generators.studies import tiny, tiny_file

from geosearch.config.read import parse_study
from geosearch.errors import InvalidOptionError
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.report.status import status_text
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.samplers.base import random_weights
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.prior import Prior
from geosearch.search.samplers.warm_start import EarlierStudy, WarmStart
from geosearch.search.space import Space
from geosearch.study.study import Study

optuna.logging.set_verbosity(optuna.logging.ERROR)
M = 5
SPACE = Space(M)
GOAL = np.array([0.0, 0.7, 0.0, 0.3, 0.0])
FAR = np.array([0.0, 0.0, 1.0, 0.0, 0.0])


@pytest.fixture
def hull() -> Hull:
    factor = np.random.default_rng(1).normal(size=(6, M))
    gram = factor.T @ factor / 6 + 0.3 * np.eye(M)
    return Hull(gram, gram + 0.3 * np.eye(M))


def error(hull: Hull, weights: Weights, goal: np.ndarray) -> float:
    gap = weights.array - goal
    return float(np.sqrt(gap @ hull.gram @ gap)) + 0.2 * (weights.pairing == "random")


def experience(hull: Hull, goal: np.ndarray) -> WarmStart:
    points = random_weights(SPACE, 30, np.random.default_rng(2))
    errors = tuple(100 + 7 * error(hull, point, goal) for point in points)  # another scale
    return WarmStart((EarlierStudy("before", "another target", tuple(points), errors),), hull)


def found(hull: Hull, known: WarmStart | None, trials: int = 12) -> float:
    """Median regret of a short search from six random mixtures."""
    best = []
    for seed in range(3):
        study = optuna.create_study(sampler=HullSampler(Prior(SPACE, hull, warm_start=known), seed=seed))
        study.optimize(lambda trial: error(hull, SPACE.suggest(trial), GOAL), n_trials=trials)
        best.append(study.best_value)
    return float(np.median(best))


def test_a_like_target_saves_evaluations(hull):
    assert found(hull, experience(hull, GOAL), 9) < 0.7 * found(hull, None, 9)


@pytest.mark.slow
def test_an_unlike_target_does_no_lasting_harm(hull):
    assert found(hull, experience(hull, FAR), 14) < found(hull, None, 9)


def test_likeness_is_high_for_the_same_and_not_positive_for_the_opposite(hull):
    points = random_weights(SPACE, 15, np.random.default_rng(3))
    errors = np.array([error(hull, point, GOAL) for point in points])
    known = experience(hull, GOAL)
    assert known.task_similarity(points, errors)["before"] > 0.6
    assert known.task_similarity(points, -errors)["before"] < 0


def test_sources_find_their_places(hull):
    one = EarlierStudy.of("before", "t", ["c", "a"], [(Weights.of([0.25, 0.75], 2.0), 0.5)], ["a", "b", "c"])
    assert one.points == (Weights.of([0.75, 0.0, 0.25], 2.0),)


def test_what_is_kept_in_a_study_is_what_was_read():
    points = (Weights.of([0.25, 0.75], math.inf), Weights.of([0.5, 0.5], 2.0, "random"))
    one = EarlierStudy("before", "t", points, (0.5, 0.25))
    assert from_json(EarlierStudy, json.loads(json.dumps(to_json(EarlierStudy, one)))) == one


def test_a_study_starts_from_another_whose_sets_lay_elsewhere_and_keeps_what_it_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Study.open(tiny_file(tmp_path, study_name="before"), storage="sqlite:///before.db").run()
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    file = tiny_file(elsewhere, search_sampler="hull", search_evaluations=9, search_earlier=["before.db"])
    study = Study.open(file)
    study.run()
    kept = study.store.record.earlier
    assert [(one.study, len(one.errors)) for one in kept] == [("before", 10)]
    assert "earlier   before (tau" in status_text(study.summary())
    (tmp_path / "before.db").unlink()
    assert Study.open(file).run(evaluations=10)


def test_another_shelf_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = tiny(tmp_path, study_name="before")
    Study.open(parse_study(asked), storage="sqlite:///before.db")
    other = {**asked, "study": {"name": "after"}, "search": {**asked["search"], "earlier": ["before.db"]}}
    with pytest.raises(InvalidOptionError, match="has no evaluation yet"):
        Study.open(parse_study(other)).run()
    other["domain"] = {**asked["domain"], "sources": [asked["domain"]["sources"][0], "digits"]}
    other["study"] = {"name": "elsewhere"}
    with pytest.raises(InvalidOptionError, match=r"which domain.sources does not list"):
        Study.open(parse_study(other)).run()
