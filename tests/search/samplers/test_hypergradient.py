"""The sampler of found weights: proposes them first, within limits, and believes in them until errors say otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.mixture.constraints import Limits
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.search.fidelity.statistics import Fidelity, fidelity_statistics
from geosearch.search.samplers.base import EvaluatedMixtures
from geosearch.search.samplers.hypergradient import FoundWeights, HypergradientSampler
from geosearch.search.samplers.prior import Prior
from geosearch.search.space import Space

FOUND = FoundWeights((0.7, 0.2, 0.1), seconds=1.0)
NOTHING = EvaluatedMixtures([], np.array([]))


def sampler(hull: Hull, limits: Limits | None = None) -> HypergradientSampler:
    return HypergradientSampler(Prior(Space(3, limits=limits), hull, start=FOUND.mixture), seed=0)


def test_found_weights_come_first_and_then_others(hull: Hull) -> None:
    rng = np.random.default_rng(0)
    first = sampler(hull).propose(NOTHING, [], rng)
    assert first == FOUND.mixture
    assert sampler(hull).propose(NOTHING, [first], rng) != first
    assert sampler(hull).propose(EvaluatedMixtures([first], np.array([0.1])), [], rng) != first


def test_found_weights_that_limits_forbid_are_replaced_by_the_nearest(hull: Hull) -> None:
    limits = Limits((0.0, 0.0, 0.0), (0.5, 1.0, 1.0))
    first = sampler(hull, limits).propose(NOTHING, [], np.random.default_rng(0))
    assert first == Space(3, limits=limits).nearest(FOUND.mixture)
    assert limits.allows(first)


def test_the_prior_expects_errors_to_grow_with_the_distance_from_the_start(hull: Hull) -> None:
    with_start, without = (Prior(Space(3), hull, start=start) for start in (FOUND.mixture, None))
    near, far = Weights.of([0.7, 0.1, 0.2]), Weights.single(1, 3)
    (low, high), added = with_start.scores([near, far]), len(with_start.slopes) - len(without.slopes)
    assert added == 1
    assert low[-1] < high[-1]
    assert with_start.slopes[-1] > 0


def test_a_search_trains_for_the_weights_once_and_counts_it(search_in, tmp_path) -> None:
    path = tmp_path / "study.journal"
    search = search_in(path, sampler="hypergradient", evaluations=11)
    search.run()
    searched = [trial for trial in search.store.trials() if trial.role == "searched"]
    assert searched[0].point == search.source_weights().mixture
    again = search_in(path, sampler="hypergradient", evaluations=11)
    assert again.store.get_or_compute("source_weights", pytest.fail) == FoundWeights((0.5, 0.4, 0.1), 1.0)
    costs = {one.fidelity: (one.evaluations, one.seconds) for one in fidelity_statistics(search.store)}
    assert costs[Fidelity.HYPERGRADIENT] == (1, 1.0)
    plain = search_in(tmp_path / "plain.journal", sampler="tpe", evaluations=5)
    plain.run()
    assert Fidelity.HYPERGRADIENT not in {one.fidelity for one in fidelity_statistics(plain.store)}
