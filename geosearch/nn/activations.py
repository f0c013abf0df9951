"""ActivationCache: what a frozen stem gives for every image of a set, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from geosearch import seeds
from geosearch.nn.backbones import Backbone, PretrainedNetwork, Trainable
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.events import ImagesEncoded
from geosearch.runtime.memory import give_back
from geosearch.runtime.parallel import in_processes
from geosearch.runtime.progress import Log, Progress

_BLOCK = 256  # images that a process encodes at a time
_SMALLEST = 0.4  # share of the area that a cropped view keeps, at least
PLAIN = 0  # the view that is the image itself


@dataclass(frozen=True)
class ActivationCache:
    """Activations at a cut and pooled features of whole sets of images, kept in files that are mapped into memory.

    What is kept is float16. Its key is made of the images, the weights, the preprocessing, the cut and the view, so it
    serves every study with these images.

    Attributes:
        backbone: the pretrained network.
        trainable: where it is cut, see `PretrainedNetwork.cut`.
        cache: where the arrays are kept.
        jobs: number of processes; has no effect on the results.
        device: where the network is computed; a GPU works alone.
        progress: is told how many images are done.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import ActivationCache, Backbone
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(20))
        >>> backbone = Backbone("torchvision:resnet18", weights="random", size=32)
        >>> activations = ActivationCache(backbone, "last", Cache.default())
        >>> [part.shape for part in activations.compute([digits.images])[0]]
        [(20, 256, 2, 2), (20, 512)]
    """

    backbone: Backbone
    trainable: Trainable
    cache: Cache
    jobs: int = 1
    device: str = "cpu"
    progress: Progress = field(default_factory=Log)

    def compute(self, sets: Sequence[np.ndarray], *, view: int = PLAIN) -> list[tuple[np.ndarray, np.ndarray]]:
        """Activations float16 (n, *shape) and pooled features float16 (n, d) of every set.

        Args:
            sets: uint8 (n, h, w, ch) each.
            view: 0 the images themselves, 1 mirrored, from 2 on a random part of them, mirrored half of the time.

        Raises:
            InvalidOptionError, UnknownDatasetError, StorageError: as `Backbone.load`.
            TooLargeError: the device has too little memory.
        """
        network = self.backbone.load(sets[0].shape[1], device=self.device)
        counter = _Counter(sum(map(len, sets)), self.progress)
        found = []
        for images in sets:
            key = self._key(network, images, view)
            stored = self.cache.arrays("activations", key, partial(self._encode, images, view, counter))
            counter.reach(len(images))
            found.append((stored["activations"], stored["features"]))
        give_back()
        return found

    def count_missing(self, sets: Sequence[np.ndarray], *, view: int = PLAIN) -> int:
        """Number of images that `compute` would encode, since the cache lacks them; arguments and errors as there."""
        network = self.backbone.load(sets[0].shape[1], device=self.device)
        paths = [self.cache.path("activations", self._key(network, images, view)) for images in sets]
        return sum(len(images) for images, path in zip(sets, paths, strict=True) if not path.exists())

    def _key(self, network: PretrainedNetwork, images: np.ndarray, view: int) -> str:
        digest = hashlib.blake2b(str(images.shape).encode(), digest_size=10)
        digest.update(np.ascontiguousarray(images).data)
        facts = {"network": network.key, "trainable": self.trainable, "view": view}
        return content_key("activations", version=2, images=digest.hexdigest(), **facts)

    def _encode(self, images: np.ndarray, view: int, counter: _Counter) -> dict[str, np.ndarray]:
        blocks = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
        call = (encode_block, self.backbone, self.trainable, self.device, view)
        calls: list[tuple[Callable[..., object], tuple[object, ...]]] = [
            (call[0], (*call[1:], number, block)) for number, block in enumerate(blocks)
        ]
        parts = []
        for part in in_processes(calls, self.jobs if self.device == "cpu" else 1):
            parts.append(part)
            counter.add(len(part[0]))
        return {"activations": np.concatenate([a for a, _ in parts]), "features": np.concatenate([f for _, f in parts])}


class _Counter:
    """Reports how many images of all sets are done."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = self._floor = 0

    def add(self, count: int) -> None:
        """So many images were encoded."""
        self._done += count
        self._progress.event(ImagesEncoded(self._done, self._total))

    def reach(self, count: int) -> None:
        """A set of so many images is done, encoded now or before."""
        self._floor += count
        if self._done < self._floor:
            self.add(self._floor - self._done)


def encode_block(
    backbone: Backbone, trainable: Trainable, device: str, view: int, number: int, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Activations and features, float16, of block `number` of a set, uint8 (b, h, w, ch)."""
    network = backbone.load(images.shape[1], device=device)
    cut = network.cut(trainable)
    activations, features = [], []
    for a in network.activations(trainable, _viewed(images, view, number)):
        activations.append(a.astype(np.float16))
        with torch.inference_mode():
            features.append(cut.tail(torch.from_numpy(a).to(network.device)).cpu().numpy().astype(np.float16))
    return np.concatenate(activations), np.concatenate(features)


def _viewed(images: np.ndarray, view: int, number: int) -> np.ndarray:
    """A view of images, uint8 (b, h, w, ch)."""
    if view == PLAIN:
        return images
    if view == 1:
        return images[:, :, ::-1]
    rng = seeds.stream(view, "view", number)
    return np.concatenate(list(_parts(images, rng)))


def _parts(images: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A random square part of every image, enlarged to the whole, mirrored half of the time."""
    height, width = images.shape[1:3]
    for image in images:
        share = float(np.sqrt(rng.uniform(_SMALLEST, 1.0)))
        h, w = max(round(height * share), 1), max(round(width * share), 1)
        top, left = rng.integers(0, [height - h + 1, width - w + 1])
        part = torch.from_numpy(np.array(image[top : top + h, left : left + w])).permute(2, 0, 1)[None].float()
        grown = F.interpolate(part, (height, width), mode="bicubic", align_corners=False)
        pixels = grown.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        yield pixels[:, :, ::-1] if rng.random() < 0.5 else pixels
