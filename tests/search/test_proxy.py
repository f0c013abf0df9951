"""Trust in a proxy, and the rung-wise pruner."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from generators.sets import blobs

from geosearch.domain.embed import Pixels
from geosearch.geodesic.anchors import build_anchors
from geosearch.geodesic.simplex import Weights
from geosearch.search.proxy import HeldOut, trust
from geosearch.search.pruner import PROXY_RUNG, SHORT_RUNG, RungPruner
from geosearch.transport.solve import exact_value


def test_perfect_agreement_is_trusted_and_disagreement_is_not():
    ranks = np.arange(12.0)
    assert trust(ranks, ranks).trusted
    assert not trust(ranks, -ranks).trusted
    assert trust(ranks, -ranks).tau == pytest.approx(-1)


def test_noise_is_not_trusted_more_often_than_it_may_be():
    rng = np.random.default_rng(0)
    trusted = [trust(rng.random(20), rng.random(20)).trusted for _ in range(1000)]
    assert np.mean(trusted) < 0.05


def test_the_interval_holds_the_true_tau_as_often_as_it_says():
    """For a normal pair with correlation r, tau = 2/pi arcsin r."""
    rng = np.random.default_rng(1)
    r = 0.6
    truth = 2 / np.pi * np.arcsin(r)
    inside = 0
    for _ in range(400):
        x = rng.normal(size=25)
        found = trust(x, r * x + np.sqrt(1 - r * r) * rng.normal(size=25))
        inside += found.low <= truth <= found.high
    assert 0.9 <= inside / 400 <= 0.99


def test_too_few_trials_are_never_trusted():
    for n in range(6):
        found = trust(np.arange(float(n)), np.arange(float(n)))
        assert not found.trusted
        assert "too few" in found.sentence()


@pytest.fixture
def held_out(cache):
    reference, sources = blobs("target", 4, 15, seed=1), [blobs("a", 4, 30, seed=2), blobs("b", 3, 20, seed=3, shift=9)]
    encoder = Pixels().fit(sources, seed=0, cache=cache)
    anchors = build_anchors(reference, sources, encoder, cache=cache)
    return HeldOut.of(anchors, blobs("target", 4, 100, seed=8), samples=400, seed=0)


def test_the_proxy_is_the_distance_of_the_mixture_to_the_held_out_points(held_out):
    """Within the per cent that it promises, whatever was asked before."""
    for weights in (Weights.of([0.3, 0.7]), Weights.of([0.3, 0.7], 2.0), Weights.single(0, 2)):
        exact = exact_value(held_out.points(weights), held_out.z)
        assert held_out.otdd(weights) == pytest.approx(exact, rel=0.01)


def test_the_order_of_the_questions_changes_no_answer(held_out):
    asked = [Weights.of([w, 1 - w]) for w in (0.1, 0.5, 0.9)]
    assert [held_out.otdd(one) for one in asked] == [held_out.otdd(one) for one in asked[::-1]][::-1]


def test_the_nearer_source_is_nearer(held_out):
    assert held_out.otdd(Weights.single(0, 2)) < held_out.otdd(Weights.single(1, 2))


def test_the_pruner_compares_a_value_with_its_own_rung_only():
    """A distance of 5 among distances of 10 goes on, although every error in the study is below 1."""
    study = optuna.create_study(pruner=RungPruner(keep=0.5, warmup=4))
    for number in range(6):
        trial = study.ask()
        trial.report(10 + number, PROXY_RUNG)
        trial.report(0.1, SHORT_RUNG)
        study.tell(trial, 0.1)
    near, far = study.ask(), study.ask()
    near.report(5, PROXY_RUNG)
    far.report(50, PROXY_RUNG)
    assert not near.should_prune()
    assert far.should_prune()


def test_nothing_is_pruned_before_the_rung_has_filled():
    study = optuna.create_study(pruner=RungPruner(warmup=4))
    trial = study.ask()
    trial.report(1e9, PROXY_RUNG)
    assert not trial.should_prune()
