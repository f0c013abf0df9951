"""Clusters label a set without any labelled one."""

from __future__ import annotations

import pytest
from generators.sets import blobs
from sklearn.metrics import adjusted_rand_score

from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.errors import DomainMismatchError
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.runtime.cache import Cache

HIDDEN = blobs("hidden", 4, 30, seed=1, size=12)
BARE = UnlabelledSet.of(HIDDEN)


def test_clusters_need_no_other_set_but_an_embedding_that_learns_from_labels_does(cache: Cache) -> None:
    found = Clusters(4).label(BARE, [], seed=0, cache=cache)
    assert adjusted_rand_score(HIDDEN.labels, found.labels) > 0.5
    with pytest.raises(DomainMismatchError, match="another embedding"):
        Clusters(4, embedding=SourceClassifier(steps=2)).label(BARE, [], seed=0, cache=cache)
