"""Codes of activations: images in shape, lossless enough, and linear, so that codes can be mixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.nn.activation_codes import ActivationCodes

SHAPES = {(6, 4, 4): (4, 4, 6), (4, 4, 6): (4, 4, 6), (17, 8): (17, 1, 8), (12,): (1, 1, 12)}


def decoded(codes: ActivationCodes, images: np.ndarray) -> np.ndarray:
    return codes.decode(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).numpy()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_round_trip(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    activations = (rng.normal(size=(200, *shape)) * rng.uniform(0.1, 10, shape)).astype(np.float16)
    codes = ActivationCodes.fit([activations[:100], activations[100:]])
    images = codes.encode(activations)
    assert images.dtype == np.uint8
    assert images.shape[1:] == codes.image_shape == SHAPES[shape]
    error = decoded(codes, images) - activations
    assert np.sqrt((error**2).mean() / (activations.astype(float) ** 2).mean()) < 0.05


def test_a_mean_of_codes_is_the_code_of_the_mean() -> None:
    activations = np.random.default_rng(0).uniform(-3, 5, (2, 6, 4, 4)).astype(np.float32)
    codes = ActivationCodes.fit([activations])
    mixed = decoded(codes, codes.encode(activations).astype(np.float32).mean(0, keepdims=True))
    np.testing.assert_allclose(mixed[0], decoded(codes, codes.encode(activations)).mean(0), atol=1e-5)


def test_a_channel_that_never_changes() -> None:
    activations = np.full((5, 3, 2, 2), 0.25, np.float32)
    codes = ActivationCodes.fit([activations])
    np.testing.assert_allclose(decoded(codes, codes.encode(activations)), activations, atol=1e-5)
