"""Episodes: the ridge regressions are the ordinary ones, draws are fair, and noise in the labels is survived."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch import seeds
from geosearch.adaptation import ridge
from geosearch.adaptation.episodes import Episodes, _draw_shots
from geosearch.adaptation.ridge import one_hot, ridge_fit
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError


@pytest.fixture
def set_of(monkeypatch):
    """A factory: labelled images whose features are what the test says."""

    def make(features: np.ndarray, labels: np.ndarray) -> LabelledSet:
        monkeypatch.setattr(ridge, "features", lambda network, images: features.astype(np.float32))
        images = np.zeros((len(labels), 2, 2, 1), np.uint8)
        return LabelledSet(images, labels, tuple(map(str, range(labels.max() + 1))), "invented")

    return make


def clouds(rng: np.random.Generator, classes: int = 4, n: int = 40, spread: float = 1.0) -> tuple[np.ndarray, ...]:
    labels = np.repeat(np.arange(classes), n)
    centres = 3 * rng.normal(size=(classes, 6))
    return centres[labels] + spread * rng.normal(size=(len(labels), 6)), labels


def test_an_episode_is_an_ordinary_ridge_regression(set_of):
    z, labels = clouds(np.random.default_rng(0))
    images = set_of(z, labels)
    score = Episodes(shots=3, count=1, ridge=0.7).score(None, images, seed=5)
    rows = _draw_shots(labels, 3, seeds.stream(5, "episodes"))
    others = np.setdiff1d(np.arange(len(labels)), rows)
    z = z.astype(np.float32).astype(float)
    penalty = 0.7 * ((z[rows] - z[rows].mean(0)) ** 2).sum(1).mean()
    guess = ridge_fit(z[rows], one_hot(labels, 4)[rows], penalty).predict(z[others])
    assert score.squared_error == pytest.approx(((guess - one_hot(labels, 4)[others]) ** 2).sum(1).mean(), rel=1e-6)
    assert score.top1_error == pytest.approx((guess.argmax(1) != labels[others]).mean())


def test_clear_features_have_no_error_and_noise_has_that_of_chance(set_of):
    rng = np.random.default_rng(1)
    z, labels = clouds(rng, spread=0.05)
    assert Episodes().score(None, set_of(z, labels), seed=0).top1_error == 0
    noise = Episodes(count=40).score(None, set_of(rng.normal(size=z.shape), labels), seed=0)
    assert noise.top1_error == pytest.approx(0.75, abs=0.06)


def test_a_tenth_of_wrong_labels_does_not_change_which_features_are_better(set_of):
    rng = np.random.default_rng(2)
    z, labels = clouds(rng, spread=2.0)
    better, worse = z, z + 2.0 * rng.normal(size=z.shape)
    flipped = np.where(rng.random(len(labels)) < 0.1, rng.integers(4, size=len(labels)), labels)
    judge = Episodes()
    assert (
        judge.score(None, set_of(better, flipped), 0).squared_error
        < judge.score(None, set_of(worse, flipped), 0).squared_error
    )


def test_draws_take_the_same_number_of_each_class_and_leave_one_to_be_judged():
    labels = np.array([0] * 10 + [1] * 3 + [2] * 1 + [3] * 20)
    rows = _draw_shots(labels, 5, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [5, 2, 1, 5]
    assert len(set(rows.tolist())) == len(rows)


def test_equal_seeds_draw_equal_episodes_and_options_are_in_the_key(set_of):
    images = set_of(*clouds(np.random.default_rng(3), spread=3.0))
    assert Episodes().score(None, images, 1) == Episodes().score(None, images, 1)
    assert Episodes().score(None, images, 1) != Episodes().score(None, images, 2)
    assert len({Episodes().key, Episodes(shots=1).key, Episodes(count=5).key, Episodes(ridge=2.0).key}) == 4


def test_features_that_are_not_finite_are_a_failed_training(set_of):
    z, labels = clouds(np.random.default_rng(0))
    z[3, 2] = np.nan
    with pytest.raises(TrainingFailedError, match="NaN or infinite"):
        Episodes().score(None, set_of(z, labels), 0)


@pytest.mark.parametrize("options", [{"shots": 0}, {"count": 0}, {"ridge": 0.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidOptionError, match="Episodes needs"):
        Episodes(**options)


def test_a_trained_network_is_better_than_a_fresh_one(mixture, tmp_path):
    from geosearch.nn.networks import SmallConv
    from geosearch.nn.recipe import Recipe
    from geosearch.nn.train import pretrain

    recipe = Recipe(network=SmallConv(8), steps=80)
    images = blobs("target", 3, 30, seed=4)
    trained, fresh = pretrain(mixture, recipe, 0), pretrain(mixture, recipe.scaled(0), 0)
    judge = Episodes(shots=2)
    assert judge.score(trained, images, 0).squared_error < judge.score(fresh, images, 0).squared_error
