"""Every embedding gives each thread the features of its own images: maps of several sources are fitted side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.backbone import BackboneEmbedding
from geosearch.embeddings.base import EMBEDDINGS, Encoder
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.backbones import Backbone
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.runtime.cache import Cache

RANDOM = Backbone("torchvision:shufflenet_v2_x0_5", "random", size=32)
COUNT = 4  # images of a thread; few, so that the threads meet often


def of_activations() -> BackboneEmbedding:
    shape = RANDOM.load(16).cut("last").shape
    return BackboneEmbedding(RANDOM, PretrainedArchitecture(RANDOM, "last", codes=ActivationCodes.blank(shape)))


MADE: dict[str, Callable[[], object]] = {
    "pixels": Pixels,
    "pca": lambda: PCA(dims=8),
    "patches": RandomPatchFeatures,
    "source-classifier": lambda: SourceClassifier(steps=2, width=4),
    "backbone": lambda: BackboneEmbedding(RANDOM),
    "backbone, of activations": of_activations,
}


def images_for(name: str, seed: int) -> LabelledSet:
    shape = (16, 16, 3)
    if "activations" in name:
        shape = of_activations().activations.codes.image_shape
    images = np.random.default_rng(seed).integers(0, 256, (COUNT, *shape)).astype(np.uint8)
    return LabelledSet(images, np.arange(COUNT) % 2, ("a", "b"), f"noise {seed}")


def test_no_embedding_is_left_out() -> None:
    assert {name.partition(",")[0] for name in MADE} == set(EMBEDDINGS.names())


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", MADE)
def test_threads_get_the_features_of_their_own_images(name: str, cache: Cache) -> None:
    one, other = (images_for(name, seed) for seed in (0, 1))
    encoder: Encoder = MADE[name]().fit([one, other], seed=0, cache=cache)  # type: ignore[attr-defined]
    alone = [encoder.encode(data.images) for data in (one, other)]

    def repeated(images: np.ndarray) -> list[np.ndarray]:
        return [encoder.encode(images) for _ in range(100)]

    with ThreadPoolExecutor(2) as pool:
        together = pool.map(repeated, (one.images, other.images))
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(found, np.broadcast_to(expected, (100, *expected.shape)), rtol=1e-4, atol=1e-4)
