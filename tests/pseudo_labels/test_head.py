"""A head labels the target as cross-validation on its shots says: by itself, or with its own labels of other images."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch import load
from geosearch.adaptation.head_choice import HeadChoice
from geosearch.adaptation.ridge import fit_ridge
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.head import HeadLabelling
from geosearch.pseudo_labels.nearest import NearestShot

ALL = load("digits").take(range(500))
ROWS = np.concatenate([np.flatnonzero(ALL.labels == label)[:2] for label in range(10)])
SHOTS, REST = ALL.take(ROWS), ALL.take(np.setdiff1d(np.arange(len(ALL)), ROWS))


def _right(labelling: HeadLabelling | NearestShot, shots: LabelledSet = SHOTS) -> float:
    return float((labelling.fit(shots, REST.images, PixelEncoder())(REST.images) == REST.labels).mean())


def test_a_head_is_right_more_often_than_the_nearest_shot() -> None:
    assert _right(HeadLabelling()) > _right(NearestShot())


def test_single_shots_are_enough() -> None:
    assert _right(HeadLabelling(), SHOTS.take(np.arange(0, 20, 2))) > 0.5


@pytest.mark.parametrize("wins", [True, False])
def test_the_head_that_cross_validation_chooses_is_taken(wins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = HeadChoice({"ridge": 0.5, "self-train-ridge": 0.6 if wins else 0.4})
    monkeypatch.setattr(HeadChoice, "by_cross_validation", lambda *_, **__: choice)
    found = HeadLabelling(balance=0.0).fit(SHOTS, REST.images, PixelEncoder())(REST.images)
    z, u = (PixelEncoder().encode(images).astype(np.float64) for images in (SHOTS.images, REST.images))
    heads = {True: fit_ridge(z, SHOTS.labels, 10), False: SelfTrainedRidge(balance=0.0).train(z, SHOTS.labels, u, 10)}
    labels = {name: head.predict(u * scale).argmax(1) for name, (head, scale) in heads.items()}
    assert (found == labels[wins]).all()
    assert (found != labels[not wins]).any()


@pytest.mark.parametrize("options", [{"balance": -0.1}, {"balance": 1.5}, {"folds": 1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOptionError, match="HeadLabelling needs"):
        HeadLabelling(**options)  # type: ignore[arg-type]
