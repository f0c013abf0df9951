"""Proxy: the distance of a mixture to target points that no map was built from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pixels import Pixels
from geosearch.mixture.anchors import AnchorOptions, build_anchors
from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.proxy import Proxy
from geosearch.transport.solution import squared_wasserstein


@pytest.fixture
def held_out(cache):
    reference, sources = blobs("target", 4, 15, seed=1), [blobs("a", 4, 30, seed=2), blobs("b", 3, 20, seed=3, shift=9)]
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    anchors = build_anchors(reference, sources, encoder, cache=cache)
    return Proxy.of(anchors, blobs("target", 4, 100, seed=8), samples=400, seed=0)


def test_the_proxy_is_the_debiased_distance_of_the_mixture_to_the_held_out_points(held_out):
    """Within the per cent of each term that it promises, whatever was asked before."""
    for weights in (Weights.of([0.3, 0.7]), Weights.of([0.3, 0.7], 2.0), Weights.single(0, 2)):
        rho, other = held_out.points(weights)
        across, within = squared_wasserstein(rho, held_out.z), squared_wasserstein(rho, other)
        assert held_out.otdd(weights) == pytest.approx(across - within / 2, abs=0.01 * across + 0.005 * within)


def test_of_scaled_gaussians_the_one_like_the_target_is_nearest(cache):
    """Without the debiasing the nearest one of 400 points in 32 dimensions has about half the target's scale."""
    wide, point = gaussian("wide", 800, seed=1, scale=30.0), gaussian("point", 800, seed=2, scale=0.0)
    encoder = Pixels().fit([wide, point], seed=0, cache=cache)
    anchors = build_anchors(
        gaussian("target", 800, seed=3), [wide, point], encoder, cache=cache, options=AnchorOptions(label_weight=0.0)
    )
    proxy = Proxy.of(anchors, gaussian("target", 400, seed=4), samples=400, seed=0)
    scales = np.array([0.25, 0.5, 0.75, 1.0, 1.25, 1.5])  # of the mixture, in units of the target's
    found = [proxy.otdd(Weights.of([scale / 1.5, 1 - scale / 1.5])) for scale in scales]
    assert scales[np.argmin(found)] == 1.0


def gaussian(name: str, n: int, *, seed: int, scale: float = 20.0) -> LabelledSet:
    """n grey images of 32 independent Gaussian pixels and one class."""
    values = 128 + scale * np.random.default_rng(seed).standard_normal((n, 4, 8, 1))
    return LabelledSet(np.rint(values.clip(0, 255)).astype(np.uint8), np.zeros(n, np.int64), ("one",), name)


def test_the_order_of_the_questions_changes_no_answer(held_out):
    asked = [Weights.of([w, 1 - w]) for w in (0.1, 0.5, 0.9)]
    assert [held_out.otdd(one) for one in asked] == [held_out.otdd(one) for one in asked[::-1]][::-1]


def test_random_numbers_in_common_make_the_difference_of_near_mixtures_certain(held_out):
    """Twenty times with other random numbers: the variance of a difference, with the same ones for both and without."""
    one, other = (Weights.of([w, 1 - w], 2.0) for w in (0.3, 0.35))
    seeds = range(20)
    first, second = (np.array([replace(held_out, seed=seed).otdd(w) for seed in seeds]) for w in (one, other))
    assert (first - second).var() < 0.05 * (first - np.roll(second, 1)).var()


def test_the_nearer_source_is_nearer(held_out):
    assert held_out.otdd(Weights.single(0, 2)) < held_out.otdd(Weights.single(1, 2))
