"""G2L: labels follow the geometry, are the same every time, and as many as asked for."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.g2l import G2L, g2l_labels
from geosearch.pseudo_labels.g2l_rules import MedianSplitRule
from geosearch.runtime.cache import Cache

HIDDEN = blobs("hidden", 4, 30, seed=1, size=12)
KNOWN = [blobs("near", 4, 30, seed=2, size=12), blobs("far", 5, 30, seed=3, size=12, shift=5)]
BARE = UnlabelledSet.of(HIDDEN)


def scene(seed: int = 0) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Images (60, 8) in three groups, anchors at three corners and two duplicates of them, and the groups."""
    rng = np.random.default_rng(seed)
    corners = 5 * np.eye(8)[:3]
    groups = np.repeat([0, 1, 2], 20)
    images = 0.7 * corners[groups] + 1.5 + 0.2 * rng.normal(size=(60, 8))
    anchors = [corner + 0.1 * np.abs(rng.normal(size=(9, 8))) for corner in (*corners, corners[0], corners[0])]
    return images, anchors, groups


def test_groups_that_lie_towards_different_anchors_get_different_labels() -> None:
    images, anchors, groups = scene()
    found = g2l_labels(images, anchors, labels=3)
    assert all(len(np.unique(found.labels[groups == group])) == 1 for group in range(3))
    assert len(np.unique(found.labels)) == 3
    assert found.distances.shape == (60, 3)


def test_duplicates_of_an_anchor_are_not_chosen_beside_it() -> None:
    images, anchors, _ = scene()
    chosen = g2l_labels(images, anchors, labels=3).anchors.points.tolist()
    assert {1, 2} < set(chosen)
    assert sum(i in (0, 3, 4) for i in chosen) == 1


@pytest.mark.parametrize("labels", [2, 5, 12])
def test_the_number_of_labels_is_what_was_asked_for(labels: int) -> None:
    images, anchors, _ = scene()
    for rule in (None, MedianSplitRule()):
        found = g2l_labels(images, anchors, labels=labels, rule=rule)
        assert sorted(set(found.labels.tolist())) == list(range(labels))


def test_nothing_is_random_and_the_order_of_images_does_not_matter() -> None:
    images, anchors, _ = scene()
    first, second = (g2l_labels(images, anchors, labels=6) for _ in range(2))
    assert (first.labels == second.labels).all()
    order = np.random.default_rng(1).permutation(60)
    back = np.empty(60, np.int64)
    back[order] = g2l_labels(images[order], anchors, labels=6).labels
    together = first.labels[:, None] == first.labels[None]
    assert ((back[:, None] == back[None]) == together).all()


def test_what_cannot_be_labelled_is_refused() -> None:
    images, anchors, _ = scene()
    with pytest.raises(InvalidOptionError, match="two anchors"):
        g2l_labels(images, anchors[:1])
    with pytest.raises(InvalidOptionError, match="from 2 to 60"):
        g2l_labels(images, anchors, labels=61)
    with pytest.raises(InvalidOptionError, match="must be kept"):
        g2l_labels(images, anchors, keep=1)


def test_geometry_names_its_anchors_and_needs_some(cache: Cache) -> None:
    found = G2L(4).label(BARE, KNOWN, seed=0, cache=cache)
    assert "near/" in found.labelled_by
    assert "far/" in found.labelled_by
    with pytest.raises(InvalidOptionError, match=r'domain\.pseudo_labeller = "clusters"'):
        G2L(4).label(BARE, [], seed=0, cache=cache)


def test_a_class_that_lost_its_images_is_no_anchor(cache: Cache) -> None:
    poorer = KNOWN[1].take(np.flatnonzero(KNOWN[1].labels != 2))
    found = G2L(8).label(BARE, [KNOWN[0], poorer], seed=0, cache=cache)
    assert "far/2" not in found.labelled_by
