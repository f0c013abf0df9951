"""The training whose source weights descend the shots' error: towards the target itself, and away from noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import FixedSet, as_tensor
from geosearch.nn.weight_averaging import TailAverage
from geosearch.pretraining.hypergradient import HYPERGRADIENTS
from geosearch.pretraining.source_weighting import SourceWeighting

METHODS = [HYPERGRADIENTS.build(name, {}) for name in HYPERGRADIENTS.names()]
TARGET = blobs("target", 4, 40, size=12)
SHOTS = blobs("target", 4, 8, seed=1, size=12)
RECIPE = Recipe(network=SmallConv(4), steps=120, batch=32, augmentation=NO_AUGMENTATION)


def stream(data: LabelledSet, place: int, labels: np.ndarray | None = None) -> FixedSet:
    """A set whose classes are the `place`-th of two blocks of labels."""
    one_hot = np.zeros((len(data), 8), np.float32)
    one_hot[np.arange(len(data)), 4 * place + (data.labels if labels is None else labels)] = 1
    return FixedSet(as_tensor(data.images).numpy(), one_hot)


@pytest.mark.parametrize("method", METHODS)
def test_weight_moves_from_a_source_of_noise_to_the_target_itself(method) -> None:
    noise = np.random.default_rng(0).integers(4, size=len(TARGET))
    found = [
        SourceWeighting(RECIPE, method, every=2, rate=0.1)
        .train([stream(TARGET, 0), stream(TARGET, 1, noise)], SHOTS, seed)
        .weights[0]
        for seed in range(2)
    ]
    assert np.mean(found) > 0.55


@pytest.mark.parametrize("method", METHODS)
def test_equal_sources_keep_about_equal_weights(method) -> None:
    twins = [stream(TARGET, 0), stream(TARGET, 1)]
    found = [
        SourceWeighting(RECIPE, method, every=2, rate=0.1).train(twins, SHOTS, seed).weights[0] for seed in range(2)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_equal_seeds_give_equal_results(method) -> None:
    short = SourceWeighting(replace(RECIPE, steps=6, averaging=TailAverage()), method, every=2, images=16)
    sources = [stream(TARGET, 0), stream(blobs("other", 4, 30, seed=5, size=12), 1)]
    one, other = (short.train(sources, SHOTS, seed=4) for _ in range(2))
    assert one.network.fingerprint == other.network.fingerprint
    assert (one.path == other.path).all()
    assert one.path.shape == (3, 2)
    assert one.weights.sum() == pytest.approx(1)
    assert (short.train(sources, SHOTS, seed=5).path != one.path).any()


def test_no_step_leaves_the_weights_equal() -> None:
    found = SourceWeighting(replace(RECIPE, steps=0)).train([stream(TARGET, 0), stream(TARGET, 1)], SHOTS, seed=0)
    assert found.weights.tolist() == [0.5, 0.5]


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="every >= 1"):
        SourceWeighting(every=0)
    with pytest.raises(DomainMismatchError, match="same shape as the shots"):
        SourceWeighting(RECIPE).train([stream(TARGET, 0)], blobs("small", 4, 2, size=8), seed=0)
    with pytest.raises(DomainMismatchError, match="needs two shots"):
        SourceWeighting(RECIPE).train([stream(TARGET, 0)], SHOTS.take([0]), seed=0)
