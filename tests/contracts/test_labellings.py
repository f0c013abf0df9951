"""Every labelling of the target, and every labelling of a source without labels, keeps its contract."""

from __future__ import annotations

import numpy as np
import pytest
from generators.arms import two_arms
from generators.sets import blobs
from sklearn.metrics import adjusted_rand_score

from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.pixels import PixelEncoder, Pixels
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.base import TargetLabelling
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.g2l import G2L
from geosearch.pseudo_labels.head import HeadLabelling
from geosearch.pseudo_labels.label_spreading import LabelSpreading
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache

HIDDEN = blobs("hidden", 4, 30, seed=1, size=12)
KNOWN = [blobs("near", 4, 30, seed=2, size=12), blobs("far", 5, 30, seed=3, size=12, shift=5)]
BARE = UnlabelledSet.of(HIDDEN)


@pytest.mark.parametrize("labelling", [NearestShot(), LabelSpreading()])
def test_a_shot_keeps_its_label(labelling: TargetLabelling) -> None:
    shots, images, _ = two_arms()
    labeller = labelling.fit(shots, images, PixelEncoder())
    assert (labeller(shots.images) == shots.labels).all()


@pytest.mark.parametrize("labelling", [NearestShot(), LabelSpreading(), HeadLabelling()])
def test_labels_do_not_depend_on_company(labelling: TargetLabelling) -> None:
    shots, images, _ = two_arms()
    labeller = labelling.fit(shots, images, PixelEncoder())
    alone = np.concatenate([labeller(image[None]) for image in images])
    assert (labeller(images) == alone).all()
    assert labeller(images[:0]).shape == (0,)


@pytest.mark.parametrize("labelling", [G2L(4), Clusters(4), G2L(4, embedding=Pixels())])
def test_a_labelling_keeps_the_images_and_says_how_it_was_done(labelling: Labelling, cache: Cache) -> None:
    found = labelling.label(BARE, KNOWN, seed=0, cache=cache)
    assert found.images is BARE.images
    assert (found.name, len(found.classes)) == ("hidden", 4)
    assert found.labelled_by
    assert str(labelling.labels) in found.labelled_by
    assert adjusted_rand_score(HIDDEN.labels, found.labels) > 0.5
    again = labelling.label(BARE, KNOWN, seed=0, cache=cache)
    assert (again.labels == found.labels).all()


def test_more_labels_than_images_are_refused(cache: Cache) -> None:
    for labelling in (G2L(500), Clusters(500)):
        with pytest.raises(InvalidOptionError, match="number of labels from 2 to 120"):
            labelling.label(BARE, KNOWN, seed=0, cache=cache)
