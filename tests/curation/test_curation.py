"""The front door: sets in, names matched, wrong labels out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.curation.curation import Curation
from geosearch.embeddings.pca import PCA
from geosearch.errors import DomainMismatchError


def mislabelled(seed=0):
    """Blobs of which every eighth carries the next label."""
    clean = blobs("mine", 4, 24, seed=seed, size=10)
    wrong = np.arange(96) % 8 == 0
    return replace(clean, labels=np.where(wrong, (clean.labels + 1) % 4, clean.labels)), wrong


@pytest.mark.parametrize("embedding", [None, PCA(8)])
def test_wrong_labels_are_found_in_images(cache, embedding):
    data, wrong = mislabelled()
    found = Curation.of(data, embedding=embedding, cache=cache).detect()
    assert wrong[found.ranking[:12]].all()
    assert (found.likely[wrong] == blobs("mine", 4, 24, size=10).labels[wrong]).all()


def test_classes_are_matched_by_name(cache):
    data, _ = mislabelled()
    target = blobs("core", 4, 6, seed=9, size=10)
    plain = Curation.of(data, target, embedding=PCA(8), cache=cache)
    order = [2, 0, 3, 1]
    renamed = replace(target, labels=np.argsort(order)[target.labels], classes=tuple(target.classes[i] for i in order))
    other = Curation.of(data, renamed, embedding=PCA(8), cache=cache)
    assert other.classes == renamed.classes
    np.testing.assert_allclose(other.reweight().weights, plain.reweight().weights, atol=1e-9)
    assert len(plain.extend().taken) > 0


def test_sets_that_cannot_meet_are_refused(cache):
    data, _ = mislabelled()
    other = replace(blobs("core", 4, 6, size=10), classes=("0", "1", "2", "x"))
    with pytest.raises(DomainMismatchError, match="classes that the target 'core' does not have"):
        Curation.of(data, other, cache=cache)
    with pytest.raises(DomainMismatchError, match="harmonize"):
        Curation.of(data, blobs("core", 4, 6, size=12), cache=cache)
