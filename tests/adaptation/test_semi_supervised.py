"""What adaptations with unlabelled images share: the images are needed, fit the shots, and count in the content key."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.self_training import SelfTraining
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError

KINDS = [SelfTraining, FixMatch]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_images_and_images_of_another_shape_are_refused(kind):
    shots = blobs("shots", 3, 6)
    with pytest.raises(InvalidOptionError, match=f"{kind.__name__} needs images of the target"):
        kind().images_like(shots)
    other = UnlabelledSet.of(replace(shots, images=np.repeat(shots.images, 3, axis=3)))
    with pytest.raises(DomainMismatchError, match="expected unlabelled images of the target"):
        kind(unlabelled=other).images_like(shots)


@pytest.mark.parametrize("kind", KINDS)
def test_other_images_give_another_key(kind):
    one, other = (UnlabelledSet.of(blobs("target", 3, 6, seed=seed)) for seed in (1, 2))
    assert kind(unlabelled=one).key != kind(unlabelled=other).key
    assert kind(unlabelled=one).key == kind(unlabelled=UnlabelledSet.of(blobs("target", 3, 6, seed=1))).key
