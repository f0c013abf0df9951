"""Embeddings: distances, keys, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.digits import digits
from geosearch.data.loaders.glyphs import glyphs
from geosearch.embeddings.backbone import BackboneEmbedding
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import DomainMismatchError
from geosearch.nn.backbones import Backbone
from geosearch.runtime.cache import Cache

RANDOM = BackboneEmbedding(Backbone("torchvision:resnet18", "random", size=32))


def noise(name: str, seed: int, n: int = 40, side: int = 6) -> LabelledSet:
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.arange(n) % 2, name=name)


@pytest.mark.parametrize(
    "embedding",
    [Pixels(), PCA(dims=5), RANDOM],
    ids=lambda e: type(e).__name__,
)
def test_contract(embedding: Embedding, cache: Cache) -> None:
    """Every embedding: float32 codes, the same for one image alone, a key that its content fixes."""
    sets = [noise("a", 0), noise("b", 1)]
    encoder = embedding.fit(sets, seed=0, cache=cache)
    codes = encoder.encode(sets[0].images)
    assert codes.dtype == np.float32
    assert codes.ndim == 2
    assert len(codes) == 40
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(encoder.encode(sets[0].images[3:4]), codes[3:4], rtol=1e-4, atol=1e-5)
    again = embedding.fit(sets[::-1], seed=0, cache=cache)
    assert again.key == encoder.key
    np.testing.assert_array_equal(again.encode(sets[0].images), codes)


def test_sets_of_two_shapes_are_refused(cache: Cache) -> None:
    for embedding in (Pixels(), PCA(), RANDOM):
        with pytest.raises(DomainMismatchError, match="harmonize"):
            embedding.fit([digits(), glyphs("sans", "digits", count=20)], seed=0, cache=cache)
