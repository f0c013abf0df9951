"""How many unlabelled images an adaptation counts for, so that rows are compared at equal numbers."""

from __future__ import annotations

import pytest

from geosearch import load
from geosearch.adaptation.automatic import Automatic
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import images_of
from geosearch.data.unlabelled import UnlabelledSet

IMAGES = UnlabelledSet.of(load("digits").take(range(30)))


@pytest.mark.parametrize(
    ("adaptation", "count"),
    [
        (RidgeHead(), 0),
        (FineTuning(), 0),
        (SelfTrainedRidge(IMAGES), 30),
        (SelfTrainedRidge(IMAGES, most=20), 20),
        (Automatic(IMAGES), 30),
        (SelfTraining(unlabelled=IMAGES), 30),
    ],
)
def test_images_are_counted_that_an_adaptation_has_seen(adaptation: Adaptation, count: int) -> None:
    assert images_of(adaptation) == count
