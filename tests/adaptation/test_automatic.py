"""Automatic: the head that cross-validation chooses; self-training where nothing can be left out."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from geosearch.adaptation.automatic import Automatic
from geosearch.adaptation.head_choice import HeadChoice
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.nn.networks import Network

NETWORK = Network(nn.Flatten(), nn.Linear(64, 3))  # raw pixels


@pytest.fixture
def images() -> LabelledSet:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 3
    x = rng.uniform(60, 190, (3, 8, 8, 1))[labels] + rng.normal(size=(200, 8, 8, 1)) * 50
    return LabelledSet(np.clip(x, 0, 255).astype(np.uint8), labels, ("a", "b", "c"), "clusters")


@pytest.mark.parametrize("best", ["ridge", "self-train-ridge"])
def test_the_head_that_is_chosen_is_fitted(images: LabelledSet, best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = HeadChoice({"ridge": 0.2, "self-train-ridge": 0.3 if best == "ridge" else 0.1})
    monkeypatch.setattr(Automatic, "choose", lambda *_: choice)
    shots, unlabelled = images.take(range(9)), UnlabelledSet.of(images.take(range(9, 200)))
    found = Automatic(unlabelled).fit(NETWORK, shots, 0).predict(images.images)
    head = RidgeHead() if best == "ridge" else SelfTrainedRidge(unlabelled)
    np.testing.assert_array_equal(found, head.fit(NETWORK, shots, 0).predict(images.images))


def test_single_labels_leave_nothing_out(images: LabelledSet) -> None:
    automatic = Automatic(UnlabelledSet.of(images.take(range(9, 200))))
    assert automatic.choose(NETWORK, images.take(range(3)), 0) == HeadChoice()
    assert {*automatic.choose(NETWORK, images.take(range(9)), 0).errors} == {"ridge", "self-train-ridge"}
