"""BackboneEmbedding: the pooled features of a pretrained network, of images or of activations at its cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.embeddings.recalling import RecallingEncoder
from geosearch.errors import InvalidOptionError
from geosearch.nn.backbones import Backbone, PretrainedNetwork
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.train import features
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.registry import Setting

_VERSION = 3  # of features of activations; 3: those of the sources are from before their activations were coded


@EMBEDDINGS.register("backbone", "the features of a pretrained network")
@dataclass(frozen=True)
class BackboneEmbedding:
    """The pooled features of a pretrained network.

    Attributes:
        backbone: the network.
        activations: the network that activations at its cut belong to, where sets hold them in place of images.

    Raises:
        InvalidOptionError: another network than that of the activations.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import BackboneEmbedding
        >>> from geosearch.nn import Backbone
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> embedding = BackboneEmbedding(Backbone("torchvision:resnet18", weights="random", size=32))
        >>> embedding.fit([digits], seed=0, cache=Cache.default()).encode(digits.images).shape
        (100, 512)
    """

    backbone: Backbone
    activations: PretrainedArchitecture | None = None

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The keys in study files."""
        return (
            Setting(
                "backbone",
                str,
                "resnet18",
                'The network of embedding = backbone: "timm:NAME", or torchvision\'s name. A study of a pretrained '
                "recipe.network has that one where left out.",
            ),
            Setting(
                "weights",
                str | None,
                None,
                'Its weights: a file with a state dict, "pretrained", or torchvision\'s name of published ones.',
            ),
        )

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], *, activations: PretrainedArchitecture | None = None, **context: object
    ) -> BackboneEmbedding:
        """With the network and the weights of a study file.

        Raises:
            InvalidOptionError: no weights.
        """
        name, weights = settings.get("backbone") or "resnet18", settings.get("weights")
        if weights is None:
            raise InvalidOptionError(
                'the backbone needs weights: a file with a state dict, "pretrained", or e.g. "IMAGENET1K_V1"'
            )
        known = activations.backbone if activations else None
        size = known.size if known and known.name == name else None
        return cls(Backbone(name if ":" in name else f"torchvision:{name}", weights, size), activations)

    def __post_init__(self) -> None:
        known = self.activations.backbone if self.activations else None
        if known and (known.name, known.weights) != (self.backbone.name, self.backbone.weights):
            raise InvalidOptionError(
                f"images are activations of '{known.name}' there, which '{self.backbone.name}' cannot embed; leave "
                'transport.backbone and transport.weights out, or set transport.space to "pixels"'
            )

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> RecallingEncoder:
        """Load the network; nothing is fitted. The features of the sets are computed, and recalled from then on.

        Raises:
            DomainMismatchError: the sets differ in image shape.
            InvalidOptionError, UnknownDatasetError, StorageError: as `Backbone.load`; the cache cannot be written.
            TooLargeError: the device has too little memory for a batch.
        """
        height, _, channels = common_shape(sets)
        return RecallingEncoder.of(self._encoder(channels, height), sets, cache)

    def _encoder(self, channels: int, height: int) -> BackboneEncoder | ActivationEncoder:
        if self.activations is None:
            return BackboneEncoder(self.backbone.load(height))
        return ActivationEncoder(self.activations_key, self._untrained.build(channels, height, 2, seed=0))

    @property
    def activations_key(self) -> str:
        """Content key of the encoder of activations; empty if sets hold images."""
        if self.activations is None:
            return ""
        return content_key("activation-features", network=self._untrained.facts, version=_VERSION)

    @property
    def _untrained(self) -> PretrainedArchitecture:
        assert self.activations is not None
        return replace(self.activations, features="trained")  # what is adapted later does not matter here


@dataclass(frozen=True)
class BackboneEncoder:
    """See `BackboneEmbedding`."""

    network: PretrainedNetwork = field(repr=False)

    @property
    def key(self) -> str:
        """Content key of the network."""
        return self.network.key

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        return self.network.features(images)


@dataclass(frozen=True)
class ActivationEncoder:
    """The features of activations at the cut of a pretrained network.

    Attributes:
        key: content key of everything that the encoding depends on.
        network: from activations, as codes, to features.
    """

    key: str
    network: Network = field(repr=False)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Activation codes, uint8 (n, h, w, ch) -> float32 (n, d)"""
        return features(self.network, images)
