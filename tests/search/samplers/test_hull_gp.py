"""HullSampler: an ordinary Optuna sampler that wastes nothing on what it has seen, and finds corners and faces."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.search.samplers.base import random_weights
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.prior import Prior
from geosearch.search.samplers.surrogate import Surrogate
from geosearch.search.space import Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
M = 4
SPACE = Space(M)


@pytest.fixture
def hull() -> Hull:
    factor = np.random.default_rng(0).normal(size=(6, M))
    gram = factor.T @ factor / 6 + 0.3 * np.eye(M)
    return Hull(gram, gram + 0.3 * np.eye(M))


def error(hull: Hull, weights: Weights, goal: np.ndarray) -> float:
    gap = weights.array - goal
    return float(np.sqrt(gap @ hull.gram @ gap)) + 0.2 * (weights.pairing == "random")


def best_error(hull: Hull, sampler: optuna.samplers.BaseSampler, goal: np.ndarray, trials: int = 20) -> float:
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: error(hull, SPACE.suggest(trial), goal), n_trials=trials)
    return study.best_value


@pytest.mark.parametrize(
    "goal",
    [
        np.array([0.5, 0.0, 0.5, 0.0]),
        pytest.param(np.eye(M)[2], marks=pytest.mark.slow),
        pytest.param(np.array([0.1, 0.2, 0.3, 0.4]), marks=pytest.mark.slow),
    ],
)
def test_it_comes_nearer_to_the_goal_than_random_search(hull, goal):
    found = [best_error(hull, HullSampler(Prior(SPACE, hull), seed=seed), goal) for seed in range(3)]
    lucky = [best_error(hull, optuna.samplers.RandomSampler(seed=seed), goal, 60) for seed in range(3)]
    assert np.median(found) < np.median(lucky)


def test_proposals_with_others_still_running_differ(hull):
    study = optuna.create_study(sampler=HullSampler(Prior(SPACE, hull)))
    goal = np.eye(M)[0]
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, error(hull, SPACE.suggest(trial), goal))
    points = hull.coordinates([SPACE.suggest(study.ask()) for _ in range(4)])
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).sum(2))[np.triu_indices(4, 1)]
    assert gaps.min() > 1e-3


def test_running_trials_teach_nothing_about_noise_and_length_scale(hull, monkeypatch):
    fitted, fit = [], Surrogate.fit.__func__

    def watched(cls, points, cheap, errors, *rest):
        fitted.append(len(errors))
        return fit(cls, points, cheap, errors, *rest)

    monkeypatch.setattr(Surrogate, "fit", classmethod(watched))
    study, goal = optuna.create_study(sampler=HullSampler(Prior(SPACE, hull))), np.eye(M)[0]
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, error(hull, SPACE.suggest(trial), goal))
    fitted.clear()
    for _ in range(3):  # the second and the third with one and two still running
        SPACE.suggest(study.ask())
    assert fitted == [8, 8, 8]


def test_a_study_that_maximises_is_understood(hull):
    goal = np.eye(M)[1]
    study = optuna.create_study(direction="maximize", sampler=HullSampler(Prior(SPACE, hull)))
    study.optimize(lambda trial: -error(hull, SPACE.suggest(trial), goal), n_trials=20)
    assert -study.best_value < 0.3


def test_other_parameters_of_the_trial_are_left_to_chance(hull):
    study = optuna.create_study(sampler=HullSampler(Prior(SPACE, hull)))

    def objective(trial: optuna.Trial) -> float:
        return error(hull, SPACE.suggest(trial), np.eye(M)[0]) + trial.suggest_float("other", 0, 1)

    study.optimize(objective, n_trials=10)
    assert len({trial.params["other"] for trial in study.trials}) == 10


def test_equal_seeds_and_equal_histories_give_equal_proposals(hull):
    goal = np.full(M, 0.25)
    first, again = (optuna.create_study(sampler=HullSampler(Prior(SPACE, hull), seed=3)) for _ in range(2))
    for study in (first, again):
        study.optimize(lambda trial: error(hull, SPACE.suggest(trial), goal), n_trials=9)
    assert [t.params for t in first.trials] == [t.params for t in again.trials]


def test_candidates_lie_on_faces_and_corners_with_exact_zeros():
    drawn = random_weights(SPACE, 400, np.random.default_rng(0))
    sizes = {len(one.support) for one in drawn}
    assert sizes == {1, 2, 3, 4}
    assert {one.pairing for one in drawn} == {"transport", "random"}
    assert {0.0, np.inf} <= {one.concentration for one in drawn}
