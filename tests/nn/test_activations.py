"""The cache of activations: computed once, whatever the number of processes, for every view of every set."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.nn import activations as module
from geosearch.nn.activations import ActivationCache
from geosearch.nn.backbones import Backbone
from geosearch.runtime.cache import Cache
from geosearch.runtime.events import Event, ImagesEncoded

RANDOM = Backbone("torchvision:resnet18", "random", size=32)
IMAGES = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3)).astype(np.uint8)


class Events:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def event(self, event: Event) -> None:
        assert isinstance(event, ImagesEncoded)
        self.seen.append((event.done, event.total))


def test_stem_and_features_of_every_image(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 4)
    events = Events()
    found = ActivationCache(RANDOM, "last", cache, progress=events).compute([IMAGES, IMAGES[:3]])
    assert events.seen == [(4, 13), (8, 13), (10, 13), (13, 13)]
    network = RANDOM.load(16)
    with torch.no_grad():
        expected = network.cut("last").stem(network.normalization(IMAGES)).numpy()
    for (activations, features), images in zip(found, (IMAGES, IMAGES[:3]), strict=True):
        assert activations.dtype == features.dtype == np.float16
        np.testing.assert_allclose(activations, expected[: len(images)], rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(features, network.features(images), rtol=2e-3, atol=2e-3)


def test_nothing_is_encoded_twice(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ActivationCache(RANDOM, "last", cache).count_missing([IMAGES]) == 10
    first = ActivationCache(RANDOM, "last", cache).compute([IMAGES])
    assert ActivationCache(RANDOM, "last", cache).count_missing([IMAGES, IMAGES[:3]]) == 3
    assert ActivationCache(RANDOM, "last", cache).count_missing([IMAGES], view=1) == 10
    monkeypatch.setattr(module, "encode_block", None)
    events = Events()
    again = ActivationCache(RANDOM, "last", cache, progress=events).compute([IMAGES])
    assert events.seen == [(10, 10)]
    np.testing.assert_array_equal(first[0][0], again[0][0])
    with pytest.raises(TypeError):  # other images are
        ActivationCache(RANDOM, "last", cache).compute([IMAGES[::-1]])
    with pytest.raises(TypeError):  # and another cut
        ActivationCache(RANDOM, "head", cache).compute([IMAGES])


def test_views(cache: Cache) -> None:
    activations = ActivationCache(RANDOM, "last", cache)
    plain, mirrored, part, other = (activations.compute([IMAGES], view=view)[0][0] for view in range(4))
    np.testing.assert_array_equal(mirrored, activations.compute([IMAGES[:, :, ::-1]])[0][0])
    for one, two in ((plain, mirrored), (plain, part), (part, other)):
        assert not np.array_equal(one, two)
