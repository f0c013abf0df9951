"""FeatureSpace: images are mixed as the activations at the cut of a pretrained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geosearch.data.dataset import LabelledSet
from geosearch.mixture.spaces.base import SPACES
from geosearch.mixture.spaces.pixels import PixelSpace
from geosearch.runtime.cache import Cache


@SPACES.register("features", "activations at the cut of a pretrained recipe.network")
@dataclass(frozen=True)
class FeatureSpace:
    """The sets hold activations in place of images (see `ActivationCodes`), which are mixed as they are.

    Example:
        >>> import geosearch
        >>> from geosearch.mixture.spaces import FeatureSpace
        >>> from geosearch.runtime.cache import Cache
        >>> FeatureSpace().fit([geosearch.load("digits")], seed=0, cache=Cache.default())
        PixelSpace(key='pixels')
    """

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> PixelSpace:
        """A mean of activation codes is the code of the mean, so that pixels' space serves."""
        return PixelSpace()
