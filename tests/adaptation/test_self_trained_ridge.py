"""SelfTrainedRidge: unlabelled images help where classes are clusters; its heads solve the ridge regression."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from geosearch.adaptation.ridge import RidgeHead, ridge_fit
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge, _solve
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import Network

NETWORK = Network(nn.Flatten(), nn.Linear(64, 3))  # raw pixels


@pytest.fixture
def images() -> LabelledSet:
    """Three clusters that overlap in most pixels."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    centers = rng.uniform(60, 190, (3, 8, 8, 1))
    x = centers[labels] + rng.normal(size=(300, 8, 8, 1)) * 60
    return LabelledSet(np.clip(x, 0, 255).astype(np.uint8), labels, ("a", "b", "c"), "clusters")


def test_unlabelled_images_lower_the_error(images: LabelledSet) -> None:
    shots, rest, test = images.take(range(6)), images.take(range(6, 200)), images.take(range(200, 300))
    adaptation = SelfTrainedRidge(UnlabelledSet.of(rest))
    wrong = {
        how: (how.fit(NETWORK, shots, 0).predict(test.images).argmax(1) != test.labels).mean()
        for how in (RidgeHead(), adaptation)
    }
    assert wrong[adaptation] < wrong[RidgeHead()]
    score = adaptation.score(NETWORK, images.take(range(30)), 0)
    assert score.squared_error == pytest.approx(np.mean(score.losses))


@pytest.mark.parametrize("count", [5, 40])
def test_both_normal_equations_give_the_ridge_regression(count: int) -> None:
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(count, 10)), rng.normal(size=(count, 2))
    found, expected = _solve(z, y, 0.7), ridge_fit(z, y, 0.7)
    np.testing.assert_allclose(found.predict(z), expected.predict(z))


def test_keys_hold_the_images(images: LabelledSet) -> None:
    one, other = (SelfTrainedRidge(UnlabelledSet.of(images.take(rows))) for rows in (range(9), range(18)))
    assert one.key != other.key
    with pytest.raises(InvalidOptionError, match="pass unlabelled"):
        SelfTrainedRidge().fit(NETWORK, images, 0)
