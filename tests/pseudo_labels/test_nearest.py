"""Ways of labelling unlabelled images: what they must agree on, and where spreading is better than the nearest shot."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import PixelEncoder
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.nearest import LabelSpreading, NearestShot, PseudoLabels


def two_arms(n: int = 20) -> tuple[LabelledSet, np.ndarray, np.ndarray]:
    """Two parallel lines in the plane of the first two pixels, each with a shot at one end, and what is between.

    The far end of a line is nearer to the other line's shot than to its own.
    """
    along = np.linspace(0, 250, n)
    arms = [np.stack([along, np.full(n, height)], 1) for height in (40, 110)]
    images = np.zeros((2 * n, 2, 2, 1), np.uint8)
    images.reshape(2 * n, 4)[:, :2] = np.concatenate(arms).astype(np.uint8)
    truth = np.repeat([0, 1], n)
    shots = [0, 2 * n - 1]
    others = np.setdiff1d(np.arange(2 * n), shots)
    return LabelledSet.from_arrays(images[shots], truth[shots], name="arms"), images[others], truth[others]


@pytest.mark.parametrize("way", [NearestShot(), LabelSpreading()])
def test_a_shot_keeps_its_label_and_labels_do_not_depend_on_company(way: PseudoLabels) -> None:
    shots, images, _ = two_arms()
    labeller = way.fit(shots, images, PixelEncoder())
    assert (labeller(shots.images) == shots.labels).all()
    alone = np.concatenate([labeller(image[None]) for image in images])
    assert (labeller(images) == alone).all()
    assert labeller(images[:0]).shape == (0,)


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
    with pytest.raises(InvalidOptionError, match="Spreading needs"):
        LabelSpreading(**options)  # type: ignore[arg-type]
