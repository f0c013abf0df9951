"""WeightPath: one training serves all coefficients; the ends are no pretraining and the trained network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import geosearch
from geosearch.adaptation.base import Score
from geosearch.adaptation.cross_validation import cross_validate
from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.ridge import RidgeHead
from geosearch.nn.networks import Network, SmallConv
from geosearch.search.weight_path import WeightPath

COEFFICIENTS = (0.0, 0.5, 1.0)


def made(seed: int) -> Network:
    return SmallConv(4).build(channels=1, size=8, classes=10, seed=seed)


@pytest.fixture(scope="module")
def shots() -> geosearch.LabelledSet:
    return geosearch.load("digits").take(range(60))


def test_one_training_serves_every_coefficient(shots) -> None:
    trainings = []

    def train() -> Network:
        trainings.append(1)
        return made(1)

    path = WeightPath.measure(made(0), train, COEFFICIENTS, lambda network: RidgeHead().score(network, shots, 0))
    assert len(trainings) == 1
    ends = [RidgeHead().score(made(seed), shots, 0).squared_error for seed in (0, 1)]
    np.testing.assert_allclose(path.squared_errors[[0, 2]], ends)
    assert path.losses.shape == (3, 60)


def test_what_the_cache_keeps_is_the_same_path(shots) -> None:
    path = WeightPath.measure(made(0), lambda: made(1), COEFFICIENTS, lambda one: RidgeHead().score(one, shots, 0))
    again = WeightPath.from_arrays(COEFFICIENTS, path.arrays())
    assert again.evaluation("key") == path.evaluation("key")
    evaluation = path.evaluation("key")
    assert evaluation.error_at(evaluation.interpolation) == evaluation.squared_error
    assert evaluation.error_at(None) == evaluation.squared_error


def test_the_first_point_does_not_differ_from_itself() -> None:
    losses = np.array([[0.5, 0.7, 0.3], [0.4, 0.7, 0.1]])
    start, other = WeightPath((0.0, 1.0), losses, np.zeros(2), 1.0).points
    assert start.deviation == 0
    assert other.deviation == pytest.approx(np.std([0.1, 0, 0.2], ddof=1) / np.sqrt(3))


def test_without_its_first_coefficient_it_is_a_path_of_the_others() -> None:
    scores = [Score(0.2, 0.1, (0.1, 0.3)), Score(0.4, 0.2, (0.3, 0.5)), Score(0.7, 0.3, (0.6, 0.8))]
    path = WeightPath.of_scores(COEFFICIENTS, scores, 2.0, farther=True)
    assert path.chosen == 0
    rest = path.without_first
    assert rest.coefficients[rest.chosen] == 0.5
    assert rest.farther
    assert [point.top1_error for point in rest.points] == [0.2, 0.3]
    np.testing.assert_allclose(rest.squared_errors, path.squared_errors[1:])


def test_losses_of_every_scorer_have_its_error_as_their_mean(shots) -> None:
    def fit(some):
        return RidgeHead().fit(made(0), some, 0)

    found: list[Score] = [
        RidgeHead().score(made(0), shots, 0),
        Episodes(2, 5).score(made(0), shots, 0),
        cross_validate(fit, shots, 5, 0),
    ]
    for score in found:
        assert score.squared_error == pytest.approx(np.mean(score.losses))


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 1.0), (0.5, 0.0)])
def test_noise_draws_towards_the_pretrained_weights(spread: float, expected: float) -> None:
    """The trained network is better by 0.1 on the mean: on every image alike, or on some much and worse on others."""
    noise = spread * np.tile([1.0, -1.0], 8)
    losses = np.stack([np.full(16, 0.5), 0.45 + noise, 0.4 + noise])
    path = WeightPath((0.0, 0.5, 1.0), losses, np.zeros(3), 1.0)
    assert path.coefficients[path.chosen] == expected
    assert replace(path, farther=True).chosen == 2


@pytest.mark.parametrize(("harm", "expected"), [(0.01, 1.0), (0.2, 0.0)])
def test_where_the_pretrained_features_are_kept_only_a_clear_harm_draws_back(harm: float, expected: float) -> None:
    noise = 0.2 * np.tile([1.0, -1.0], 8)
    path = WeightPath((0.0, 1.0), np.stack([np.full(16, 0.5), 0.5 + harm + noise]), np.zeros(2), 1.0, farther=True)
    assert path.coefficients[path.chosen] == expected
