"""Proxy: the distance of a mixture to target points that no map was built from."""

from __future__ import annotations

import pytest
from generators.sets import blobs

from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.proxy import Proxy
from geosearch.transport.solution import squared_wasserstein


@pytest.fixture
def held_out(cache):
    reference, sources = blobs("target", 4, 15, seed=1), [blobs("a", 4, 30, seed=2), blobs("b", 3, 20, seed=3, shift=9)]
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    anchors = build_anchors(reference, sources, encoder, cache=cache)
    return Proxy.of(anchors, blobs("target", 4, 100, seed=8), samples=400, seed=0)


def test_the_proxy_is_the_distance_of_the_mixture_to_the_held_out_points(held_out):
    """Within the per cent that it promises, whatever was asked before."""
    for weights in (Weights.of([0.3, 0.7]), Weights.of([0.3, 0.7], 2.0), Weights.single(0, 2)):
        exact = squared_wasserstein(held_out.points(weights), held_out.z)
        assert held_out.otdd(weights) == pytest.approx(exact, rel=0.01)


def test_the_order_of_the_questions_changes_no_answer(held_out):
    asked = [Weights.of([w, 1 - w]) for w in (0.1, 0.5, 0.9)]
    assert [held_out.otdd(one) for one in asked] == [held_out.otdd(one) for one in asked[::-1]][::-1]


def test_the_nearer_source_is_nearer(held_out):
    assert held_out.otdd(Weights.single(0, 2)) < held_out.otdd(Weights.single(1, 2))
