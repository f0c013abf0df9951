"""Every label space keeps its contract."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.label_spaces.base import LABEL_SPACES

SOURCES = [
    blobs("near", 4, 15, seed=2),
    blobs("again", 4, 20, seed=5),
    blobs("large", 5, 24, seed=3, shift=7),
    blobs("small", 2, 9, seed=4),
]


@pytest.mark.parametrize("name", LABEL_SPACES.names())
def test_two_classes_of_one_source_are_never_one_label(name: str) -> None:
    space = LABEL_SPACES.build(name, {}).fit(SOURCES, PixelEncoder())
    parts = np.split(np.array(space.groups), np.cumsum([len(one.classes) for one in SOURCES])[:-1])
    assert all(len(set(part)) == len(part) for part in parts)
    assert sorted(set(space.groups)) == list(range(len(space.class_names)))


@pytest.mark.parametrize("name", LABEL_SPACES.names())
def test_it_is_the_same_again_and_keeps_the_sum_of_labels(name: str) -> None:
    first, again = (LABEL_SPACES.build(name, {}).fit(SOURCES, PixelEncoder()) for _ in range(2))
    assert first == again
    labels = np.random.default_rng(0).dirichlet(np.ones(15), 5)
    np.testing.assert_allclose(first.merge(labels).sum(1), 1, atol=1e-6)
