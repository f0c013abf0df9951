"""Features that are read out once: of the same array and network, and of frozen modules for equal batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.nn.feature_memory import BatchMemory, forget_features, remember_features
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import features
from geosearch.pretraining.domain_weighting import DomainWeighting

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
ONE, OTHER = (SmallConv(4).build(1, 8, 2, seed) for seed in (0, 1))


def test_only_the_same_network_and_the_same_array_are_recalled() -> None:
    expected = features(ONE, IMAGES)
    with remember_features():
        first = features(ONE, IMAGES)
        assert features(ONE, IMAGES[:]) is first  # another view of the same pixels
        np.testing.assert_array_equal(first, expected)
        assert features(OTHER, IMAGES) is not first
        np.testing.assert_allclose(features(ONE, IMAGES[2:]), expected[2:], rtol=1e-5)
        np.testing.assert_allclose(features(ONE, IMAGES[::2]), expected[::2], rtol=1e-5)
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 0
    assert features(ONE, IMAGES) is not features(ONE, IMAGES)


def test_arrays_that_come_and_go_are_not_confused() -> None:
    with remember_features():
        for value in range(40):  # freed memory would be given to the next array
            images = np.full((2, 8, 8, 1), value, np.uint8)
            with forget_features():
                expected = features(ONE, images)
            np.testing.assert_array_equal(features(ONE, images), expected)
            features(OTHER, images)


def test_a_training_forgets_what_was_read_before_it() -> None:
    shots = LabelledSet(IMAGES, np.arange(6) % 2, ("a", "b"), "shots")
    with remember_features():
        before = features(network := SmallConv(4).build(1, 8, 2, 0), IMAGES)
        found = DomainWeighting(Recipe(SmallConv(4), steps=5)).train(shots, shots, seed=0).network
        inside = RidgeHead().fit(found, shots, seed=0).predict(IMAGES)
        assert features(network, IMAGES) is not before
    np.testing.assert_array_equal(RidgeHead().fit(found, shots, seed=0).predict(IMAGES), inside)


def test_what_is_kept_of_a_batch_is_not_a_view_of_something_larger() -> None:
    kept = BatchMemory().recall("first token", torch.zeros(2, 50, 3), lambda x: x[:, 0])
    assert kept.untyped_storage().nbytes() == kept.nbytes == 24


def test_a_batch_memory_forgets_the_batches_that_were_asked_for_longest_ago() -> None:
    memory, calls = BatchMemory(most_bytes=3 * 8), 0

    def double(batch: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return 2 * batch

    batches = [torch.full((2,), float(value)) for value in range(4)]  # outputs of 8 bytes
    for batch in (*batches[:3], batches[0], batches[3], batches[0]):
        torch.testing.assert_close(memory.recall("a", batch, double), 2 * batch)
    assert calls == 4
    memory.recall("a", batches[1], double)
    assert calls == 5  # was dropped for the fourth
    memory.recall("b", batches[1], double)
    assert calls == 6  # other weights
    memory.recall("a", batches[1].view(1, 2), double)
    assert calls == 7  # another shape
