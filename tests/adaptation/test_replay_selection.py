"""Replay selection: of a mixture of two sets, the images like the shots are selected."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.rehearsal import Rehearsal
from geosearch.adaptation.replay_selection import ReplaySelection
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain

LIKE, UNLIKE = blobs("like", 3, 40, size=12), blobs("unlike", 3, 40, seed=1, size=12, shift=40)
POOL = Pool((LIKE, UNLIKE))
SHOTS = blobs("shots", 3, 4, seed=2, size=12)
NETWORK = pretrain(POOL, Recipe(network=SmallConv(4), steps=40, augmentation=NO_AUGMENTATION), 0)


def test_images_like_the_shots_are_selected() -> None:
    kept = ReplaySelection(share=0.25, size=200).select(POOL, NETWORK, SHOTS, 0)
    assert len(kept) == 50
    assert kept.class_count == 6
    assert kept.labels[:, :3].sum() > 0.9 * len(kept)
    assert len(ReplaySelection(share=1, size=30).select(POOL, NETWORK, SHOTS, 0)) == 30


def test_rehearsal_with_it_learns_other_weights_and_is_another_adaptation() -> None:
    plain, kept = Rehearsal(steps=3), Rehearsal(steps=3, selection=ReplaySelection(size=60))
    assert plain.key != kept.key
    assert "selection" not in plain.facts
    one, other = (way.fit(NETWORK, SHOTS, 0, POOL).predict(SHOTS.images) for way in (plain, kept))
    assert np.isfinite(other).all()
    assert (one != other).any()


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.5}, {"size": 0}, {"reach": 0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOptionError, match="ReplaySelection needs"):
        ReplaySelection(**options)
