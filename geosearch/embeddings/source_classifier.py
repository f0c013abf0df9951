"""SourceClassifier: the features of a small network trained to classify the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.errors import DomainMismatchError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, pretrain
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import one_thread

SCALE_IMAGES = 2000  # images from which the scale of the features is estimated


@EMBEDDINGS.register("source-classifier", "a small network trained to classify the sources")
@dataclass(frozen=True)
class SourceClassifier:
    """Penultimate features of a small network trained to distinguish all classes of all sources.

    Attributes:
        steps: training steps.
        width: width of the `SmallConv`; d = 16 width.
        augmentation: augmentation of the training images.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import SourceClassifier
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> encoder = SourceClassifier(steps=3, width=2).fit([digits], seed=0, cache=Cache.default())
        >>> encoder.encode(digits.images).shape
        (100, 32)
    """

    uses_labels: ClassVar[bool] = True

    steps: int = 400
    width: int = 16
    augmentation: Augmentation = field(default_factory=Augmentation)

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> SourceEncoder:
        """Train on the sets, or read the weights of an equal training from the cache.

        Raises:
            DomainMismatchError: the sets differ in image shape (harmonize them first), or have a single class in total.
        """
        shapes = {each.shape for each in sets}
        if len(shapes) != 1:
            raise DomainMismatchError(
                f"SourceClassifier needs images of one shape, got {sorted(shapes)}; harmonize them first"
            )
        recipe = Recipe(network=SmallConv(self.width), steps=self.steps, augmentation=self.augmentation)
        union = Pool(tuple(sets))
        if union.class_count < 2:
            raise DomainMismatchError(
                "SourceClassifier learns to tell classes apart, and the sets have one in all; add a labelled set, or "
                'take another embedding (transport.embedding = "pca", --embedding pca)'
            )
        key = content_key("source-classifier", recipe=recipe.key, sets=[s.fingerprint for s in sets], seed=seed)
        stored = cache.arrays("source-classifier", key, lambda: _train(union, recipe, seed))
        network = recipe.network.build(union.image_shape[2], union.image_shape[0], union.class_count, seed)
        weights = {name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()}
        network.load_state_dict(weights)
        return SourceEncoder(key, network, stored["centre"].copy(), float(stored["scale"][0]))


@dataclass(frozen=True, eq=False)
class SourceEncoder:
    """Features of a trained network, centred and scaled on the sources: their mean squared norm is 1.

    Attributes:
        key: content key of everything the features depend on.
        network: the trained network.
        centre: float32 (d,), mean feature of the sources.
        scale: factor after centring.
    """

    key: str
    network: Network
    centre: np.ndarray
    scale: float

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        return (features(self.network, images) - self.centre) * np.float32(self.scale)


@one_thread()  # equal keys give equal weights, whatever the number of threads of the caller
def _train(union: Pool, recipe: Recipe, seed: int) -> dict[str, np.ndarray]:
    """Weights of the trained network, and the centre and scale of its features on a sample of the sources."""
    network = pretrain(union, recipe, seed)
    share = -(-SCALE_IMAGES // len(union.sets))
    sample = np.concatenate(
        [each.images[np.linspace(0, len(each) - 1, min(share, len(each)), dtype=np.int64)] for each in union.sets]
    )
    z = features(network, sample)
    centre = z.mean(0)
    norm = float(np.sqrt(((z - centre) ** 2).sum(1).mean()))
    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return {
        **arrays,
        "centre": centre,
        "scale": np.array([1.0 / norm if norm > 0 else 1.0], dtype=np.float32),
    }
