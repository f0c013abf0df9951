"""Labellings: one contract, and what tells them apart."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs
from sklearn.metrics import adjusted_rand_score

from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.base import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.pseudo_labels.unlabelled_sources import G2L, Clusters
from geosearch.runtime.cache import Cache

HIDDEN = blobs("hidden", 4, 30, seed=1, size=12)
KNOWN = [blobs("near", 4, 30, seed=2, size=12), blobs("far", 5, 30, seed=3, size=12, shift=5)]
BARE = UnlabelledSet.of(HIDDEN)


@pytest.mark.parametrize("way", [G2L(4), Clusters(4), G2L(4, embedding=Pixels())])
def test_a_labelling_keeps_the_images_and_says_how_it_was_done(way: Labelling, cache: Cache) -> None:
    found = way.label(BARE, KNOWN, seed=0, cache=cache)
    assert found.images is BARE.images
    assert (found.name, len(found.classes)) == ("hidden", 4)
    assert found.labelled_by
    assert str(way.labels) in found.labelled_by
    assert adjusted_rand_score(HIDDEN.labels, found.labels) > 0.5
    again = way.label(BARE, KNOWN, seed=0, cache=cache)
    assert (again.labels == found.labels).all()


def test_geometry_names_its_anchors_and_needs_some(cache: Cache) -> None:
    found = G2L(4).label(BARE, KNOWN, seed=0, cache=cache)
    assert "near/" in found.labelled_by
    assert "far/" in found.labelled_by
    with pytest.raises(InvalidOptionError, match=r'domain\.labels = "clusters"'):
        G2L(4).label(BARE, [], seed=0, cache=cache)


def test_a_class_that_lost_its_images_is_no_anchor(cache: Cache) -> None:
    poorer = KNOWN[1].take(np.flatnonzero(KNOWN[1].labels != 2))
    found = G2L(8).label(BARE, [KNOWN[0], poorer], seed=0, cache=cache)
    assert "far/2" not in found.labelled_by


def test_clusters_need_no_other_set_but_an_embedding_that_learns_from_labels_does(cache: Cache) -> None:
    found = Clusters(4).label(BARE, [], seed=0, cache=cache)
    assert adjusted_rand_score(HIDDEN.labels, found.labels) > 0.5
    with pytest.raises(DomainMismatchError, match="another embedding"):
        Clusters(4, embedding=SourceClassifier(steps=2)).label(BARE, [], seed=0, cache=cache)


def test_more_labels_than_images_are_refused(cache: Cache) -> None:
    for way in (G2L(500), Clusters(500)):
        with pytest.raises(InvalidOptionError, match="number of labels from 2 to 120"):
            way.label(BARE, KNOWN, seed=0, cache=cache)
