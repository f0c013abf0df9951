"""The embedding of a pretrained network: of images, and of activations at its cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.backbone import BackboneEmbedding
from geosearch.errors import InvalidOptionError
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import ActivationCache
from geosearch.nn.backbones import Backbone
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.runtime.cache import Cache

RANDOM = Backbone("torchvision:resnet18", "random", size=32)


@pytest.fixture
def data() -> LabelledSet:
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
    return LabelledSet.from_arrays(images, np.arange(8) % 2, name="noise")


def test_images_are_embedded(data: LabelledSet, cache: Cache) -> None:
    encoder = BackboneEmbedding(RANDOM).fit([data], seed=0, cache=cache)
    other = BackboneEmbedding(Backbone("torchvision:resnet18", "random", size=64)).fit([data], seed=0, cache=cache)
    assert encoder.key != other.key
    assert encoder.encode(data.images).shape == (8, 512)


def test_activations_are_embedded_as_their_images_would_be(data: LabelledSet, cache: Cache) -> None:
    ((activations, features),) = ActivationCache(RANDOM, "last", cache).compute([data.images])
    codes = ActivationCodes.fit([activations])
    network = PretrainedArchitecture(RANDOM, "last", codes=codes).loaded(16)
    encoder = BackboneEmbedding(network.backbone, network).fit(
        [LabelledSet(codes.encode(activations), data.labels, data.classes, "codes")], seed=0, cache=cache
    )
    found = encoder.encode(codes.encode(activations))
    assert np.abs(found - features).mean() < 0.02 * np.abs(features).mean()


def test_activations_of_another_network_are_refused() -> None:
    codes = ActivationCodes.blank((256, 2, 2))
    with pytest.raises(InvalidOptionError, match=r"leave transport\.backbone and transport\.weights out"):
        BackboneEmbedding(Backbone("torchvision:vgg11"), PretrainedArchitecture(RANDOM, codes=codes))


def test_a_study_file_names_torchvisions_networks_with_or_without_their_library(tmp_path: Path) -> None:
    for name in ("resnet18", "torchvision:resnet18"):
        made = BackboneEmbedding.from_settings({"backbone": name, "weights": "DEFAULT"})
        assert made.backbone == Backbone("torchvision:resnet18", "DEFAULT")
    with pytest.raises(InvalidOptionError, match="needs weights"):
        BackboneEmbedding.from_settings({"backbone": "resnet18"})
