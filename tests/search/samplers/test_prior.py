"""The prior: a proxy known everywhere from a few mixtures, and proposals that use it before any error is known."""

from __future__ import annotations

import json

import numpy as np
import optuna
import pytest
from scipy.stats import kendalltau

from geosearch.mixture.constraints import Limits
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.samplers.base import random_weights
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.prior import CORRELATION, DESIGN_SIZE, Prior, ProxyDesign
from geosearch.search.space import Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
M = 4
SPACE = Space(M)
GOAL = np.array([0.0, 0.6, 0.4, 0.0])


@pytest.fixture
def hull() -> Hull:
    factor = np.random.default_rng(3).normal(size=(6, M))
    gram = factor.T @ factor / 6 + 0.3 * np.eye(M)
    return Hull(gram, gram + 0.3 * np.eye(M))


def far(weights: Weights) -> float:
    """A distance of which the closed form knows nothing."""
    return 30 + 5 * float(np.square(weights.array - GOAL).sum()) + (weights.pairing == "random")


def test_a_few_looks_tell_the_distance_everywhere(hull):
    prior = Prior(SPACE, hull, ProxyDesign.of(SPACE, far))
    places = random_weights(SPACE, 200, np.random.default_rng(5))
    told = prior.scores(places)[:, 1]
    assert kendalltau(told, [far(place) for place in places]).statistic > 0.8
    assert told.mean() == pytest.approx(0, abs=0.3)
    assert told.std() == pytest.approx(1, rel=0.3)


def test_distance_and_derivative_are_expected_to_tell_alike_and_the_closed_form_only_alone(hull):
    places = random_weights(SPACE, 20, np.random.default_rng(5))
    distances = [hull.distance(place) for place in places]
    alone, looked = Prior(SPACE, hull), Prior(SPACE, hull, ProxyDesign.of(SPACE, far), np.arange(M))
    assert kendalltau(alone.scores(places)[:, 0], distances).statistic == pytest.approx(1)
    assert kendalltau(looked.scores(places)[:, 0], distances).statistic == pytest.approx(1)
    assert alone.slopes.tolist() == [CORRELATION]
    np.testing.assert_allclose(looked.slopes, [0, CORRELATION / np.sqrt(2), CORRELATION / np.sqrt(2)])


def test_a_design_is_the_same_every_time_and_outlives_a_database():
    first, again = ProxyDesign.points(SPACE), ProxyDesign.points(Space(M))
    assert len(first) == DESIGN_SIZE
    assert [[*one.values, one.concentration] for one in first] == [[*one.values, one.concentration] for one in again]
    design = ProxyDesign.of(SPACE, far)
    assert from_json(ProxyDesign, json.loads(json.dumps(to_json(ProxyDesign, design)))) == design


def test_looks_keep_to_the_limits():
    limits = Limits(floors=(0.1,) * M, caps=(0.5,) * M)
    assert all(limits.allows(point) for point in ProxyDesign.points(Space(M, limits=limits)))


def test_the_first_proposal_is_the_nearest_mixture_and_the_next_are_unlike_it(hull):
    prior = Prior(SPACE, hull, ProxyDesign.of(SPACE, far))
    study = optuna.create_study(sampler=HullSampler(prior))
    points = [SPACE.suggest(study.ask()) for _ in range(4)]
    others = [far(one) for one in random_weights(SPACE, 400, np.random.default_rng(0))]
    assert far(points[0]) < np.quantile(others, 0.05)
    here = prior.points(points)
    assert np.sqrt(np.square(here[:, None] - here[None]).sum(2))[np.triu_indices(4, 1)].min() > 0.2


def test_a_distance_that_tells_finds_the_goal_sooner_and_one_that_lies_is_overruled(hull):
    def best(design: ProxyDesign | None, trials: int) -> float:
        found = []
        for seed in range(3):
            study = optuna.create_study(sampler=HullSampler(Prior(SPACE, hull, design), seed=seed))
            study.optimize(lambda trial: far(SPACE.suggest(trial)), n_trials=trials)
            found.append(study.best_value - 30)
        return float(np.median(found))

    honest, liar = ProxyDesign.of(SPACE, far), ProxyDesign.of(SPACE, lambda weights: -far(weights))
    assert best(honest, 2) < best(None, 2)
    assert best(liar, 16) < 2 * best(None, 8) + 0.05


def test_what_is_expected_of_evaluated_mixtures_is_less_noisy_than_what_was_observed(hull):
    rng = np.random.default_rng(1)
    places = random_weights(SPACE, 24, rng)
    true = np.array([far(place) for place in places])
    observed = true + rng.normal(0, 1, len(true))
    expected = Prior(SPACE, hull, ProxyDesign.of(SPACE, far)).expected(places, observed)
    assert np.square(expected - true).mean() < 0.5 * np.square(observed - true).mean()
