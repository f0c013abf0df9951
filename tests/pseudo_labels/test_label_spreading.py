"""Label spreading follows chains of neighbours, where the nearest shot does not."""

from __future__ import annotations

import numpy as np
import pytest
from generators.arms import two_arms

from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.label_spreading import LabelSpreading
from geosearch.pseudo_labels.nearest import NearestShot


def test_spreading_follows_the_arms_that_the_nearest_shot_cuts_across() -> None:
    shots, images, truth = two_arms()
    right = {
        type(way).__name__: float((way.fit(shots, images, PixelEncoder())(images) == truth).mean())
        for way in (NearestShot(), LabelSpreading(neighbours=3))
    }
    assert right["NearestShot"] < 0.7
    assert right["LabelSpreading"] == 1.0


def test_an_image_that_no_chain_reaches_takes_its_nearest_labelled_one() -> None:
    shots, images, truth = two_arms()
    island = np.full((5, 2, 2, 1), 255, np.uint8)  # its neighbours are one another
    labels = LabelSpreading(neighbours=3).fit(shots, np.concatenate([images, island]), PixelEncoder())(island)
    assert set(labels.tolist()) <= {0, 1}
    assert len(truth) == len(images)


@pytest.mark.parametrize("options", [{"neighbours": 0}, {"alpha": 0.0}, {"alpha": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOptionError, match="LabelSpreading needs"):
        LabelSpreading(**options)  # type: ignore[arg-type]
