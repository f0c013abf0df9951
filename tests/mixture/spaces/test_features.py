"""The space of activations: codes are mixed as they are."""

from __future__ import annotations

import numpy as np

from geosearch.mixture.spaces.base import SPACES
from geosearch.mixture.spaces.features import FeatureSpace
from geosearch.runtime.cache import Cache


def test_codes_are_mixed_as_they_are(cache: Cache) -> None:
    space = SPACES.build("features", {})
    assert isinstance(space, FeatureSpace)
    codes = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 7)).astype(np.uint8)
    fitted = space.fit([], seed=0, cache=cache)
    np.testing.assert_allclose(fitted.decode(fitted.encode(codes)), codes / 255, atol=1e-6)
