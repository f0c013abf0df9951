"""Features that are read out once: of the same array and network, and of frozen modules for equal batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.nn.feature_memory import BatchMemory, remember_features
from geosearch.nn.networks import SmallConv
from geosearch.nn.train import features

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
ONE, OTHER = (SmallConv(4).build(1, 8, 2, seed) for seed in (0, 1))


def test_only_the_same_network_and_the_same_array_are_recalled() -> None:
    expected = features(ONE, IMAGES)
    with remember_features():
        first = features(ONE, IMAGES)
        assert features(ONE, IMAGES[:]) is first  # another view of the same pixels
        np.testing.assert_array_equal(first, expected)
        assert features(OTHER, IMAGES) is not first
        np.testing.assert_array_equal(features(ONE, IMAGES[2:]), expected[2:])
        np.testing.assert_array_equal(features(ONE, IMAGES[::2]), expected[::2])
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 0
    assert features(ONE, IMAGES) is not features(ONE, IMAGES)


def test_arrays_that_come_and_go_are_not_confused() -> None:
    with remember_features():
        for value in range(40):  # freed memory would be given to the next array
            images = np.full((2, 8, 8, 1), value, np.uint8)
            np.testing.assert_array_equal(features(ONE, images), features(OTHER, images) * 0 + _fresh(images))


def _fresh(images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return ONE.features(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).numpy()


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
