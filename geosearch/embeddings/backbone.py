"""TorchvisionBackbone: the features of a pretrained torchvision network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import common_shape
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.errors import InvalidOptionError, StorageError, UnknownDatasetError
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.registry import setting
from geosearch.runtime.user_folder import expand_user

if TYPE_CHECKING:
    import torch


@EMBEDDINGS.register("backbone", "the features of a torchvision network")
@dataclass(frozen=True)
class TorchvisionBackbone:
    """The penultimate features of a torchvision classification network.

    Exactly one of `weights_path`, `weights` and `random_weights` is given.

    Attributes:
        name: torchvision's name of the network, e.g. "resnet18".
        weights_path: file with a state dict of that network (`torch.save(model.state_dict(), path)`).
        weights: torchvision's name of published weights, e.g. "IMAGENET1K_V1"; downloaded by torchvision at first use.
        random_weights: random initialization, as a baseline.
        size: side to which images are resized, pixels.
        batch: images per forward pass.
        device: device of the network.

    Raises:
        InvalidOptionError: not exactly one origin of the weights.

    Example:
        >>> import geosearch
        >>> from geosearch.embeddings import TorchvisionBackbone
        >>> from geosearch.runtime.cache import Cache
        >>> digits = geosearch.load("digits").take(range(100))
        >>> backbone = TorchvisionBackbone("resnet18", random_weights=True, size=32)
        >>> encoder = backbone.fit([digits], seed=0, cache=Cache.default())
        >>> encoder.encode(digits.images).shape
        (100, 512)
    """

    name: str = setting("resnet18", "backbone", "torchvision's name of the network (embedding = backbone).")
    weights_path: Path | str | None = None
    weights: str | None = setting(
        None,
        "weights",
        "Its weights: a file with a state dict, or torchvision's name of published ones.",
        kind=str | None,
    )
    random_weights: bool = False
    size: int = 64
    batch: int = 256
    device: str = "cpu"

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], **context: object) -> TorchvisionBackbone:
        """With the weights of a study file, which are a path if they look like one.

        Raises:
            InvalidOptionError: no weights.
        """
        weights = settings.get("weights")
        if weights is None:
            raise InvalidOptionError('the backbone needs weights: a file with a state dict, or e.g. "IMAGENET1K_V1"')
        place = {"weights_path": weights} if "/" in weights or Path(weights).suffix else {"weights": weights}
        return cls(settings.get("backbone", "resnet18"), **place)

    def __post_init__(self) -> None:
        given = [self.weights_path is not None, self.weights is not None, self.random_weights]
        if sum(given) != 1:
            raise InvalidOptionError(
                f"backbone '{self.name}' needs its weights from exactly one of weights_path (a file), weights "
                f"(a torchvision name) and random_weights = true; got {sum(given)} of them"
            )

    def fit(self, sets: Sequence[LabelledSet], *, seed: int, cache: Cache) -> TorchvisionEncoder:
        common_shape(sets)
        network = self._headless(self._network(seed)).eval().requires_grad_(False).to(self.device)
        digest = hashlib.blake2b(digest_size=10)
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        key = content_key("torchvision", name=self.name, size=self.size, weights=digest.hexdigest())
        return TorchvisionEncoder(key, network, self.size, self.batch, self.device)

    def _network(self, seed: int) -> torch.nn.Module:
        import torch
        from torchvision import models

        if self.name not in models.list_models(models):
            raise InvalidOptionError(
                f"torchvision has no classification network '{self.name}'; "
                f"{_nearest(self.name, models.list_models(models))}"
            )
        if self.weights is not None:
            try:
                return models.get_model(self.name, weights=self.weights)
            except (KeyError, ValueError) as error:
                known = [entry.name for entry in models.get_model_weights(self.name)]
                raise InvalidOptionError(
                    f"torchvision has no weights '{self.weights}' for '{self.name}'; it has {', '.join(known)}"
                ) from error
            except (OSError, RuntimeError) as error:
                raise StorageError(
                    f"weights '{self.weights}' of '{self.name}' could not be downloaded ({_first_line(error)}); "
                    "check the network, or give a file as weights_path"
                ) from error
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.integer(seed, "backbone", self.name))
            network = models.get_model(self.name, weights=None)
        if self.weights_path is not None:
            network.load_state_dict(self._state(expand_user(self.weights_path), network))
        return network

    def _state(self, path: Path, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        from pickle import UnpicklingError

        import torch

        if not path.is_file():
            raise UnknownDatasetError(f"no weights file {path}; give the path of a state dict of '{self.name}'")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError, UnpicklingError) as error:
            raise InvalidOptionError(
                f"{path} holds no plain state dict ({_first_line(error)}); "
                "write one with torch.save(model.state_dict(), path)"
            ) from error
        wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        got = {name: tuple(tensor.shape) for name, tensor in state.items()} if isinstance(state, dict) else {}
        wrong = sorted(name for name in wanted.keys() | got.keys() if wanted.get(name) != got.get(name))
        if wrong:
            raise InvalidOptionError(
                f"{path} does not fit '{self.name}': {len(wrong)} tensors differ, the first is '{wrong[0]}' "
                f"(expected {wanted.get(wrong[0])}, got {got.get(wrong[0])})"
            )
        return state

    def _headless(self, network: torch.nn.Module) -> torch.nn.Module:
        """Replace the last linear layer, the classifier, by the identity."""
        import torch

        linear = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
        if not linear:
            raise InvalidOptionError(f"'{self.name}' ends in no linear layer; choose e.g. resnet18")
        parent, _, leaf = linear[-1].rpartition(".")
        setattr(network.get_submodule(parent), leaf, torch.nn.Identity())
        return network


_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what torchvision's networks were trained on


@dataclass(frozen=True)
class TorchvisionEncoder:
    """See `TorchvisionBackbone`."""

    key: str
    network: Any = field(repr=False)
    size: int
    batch: int
    device: str

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> float32 (n, d)"""
        import torch
        from torch.nn.functional import interpolate

        mean, spread = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (_MEAN, _SPREAD))
        codes = []
        with torch.inference_mode():
            for start in range(0, len(images), self.batch):
                batch = (
                    torch.from_numpy(np.array(images[start : start + self.batch])).to(self.device).permute(0, 3, 1, 2)
                )
                batch = batch.expand(-1, 3, -1, -1).float() / 255
                batch = interpolate(batch, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
                codes.append(self.network((batch - mean) / spread).flatten(1).float().cpu().numpy())
        return np.concatenate(codes)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _nearest(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"it has e.g. {', '.join(known[:5])}"
