"""Backbone: a pretrained network of timm or torchvision, with its preprocessing, cut in a frozen and a trained part."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError, MissingPackageError, StorageError, TooLargeError
from geosearch.nn.cut import Cut
from geosearch.nn.norm_folding import fold_norms
from geosearch.nn.normalization import Normalization
from geosearch.nn.pretrained_weights import load_weights
from geosearch.nn.stages import last_stages
from geosearch.runtime.cache import content_key
from geosearch.runtime.user_folder import expand_user, is_path

LIBRARIES = ("timm", "torchvision")
_STEPS = (32, 14)  # resolutions are multiples of these: networks halve five times, DINOv2 has patches of 14

Trainable = Literal["head", "last", "all"] | int  # an integer: so many of the last stages


@dataclass(frozen=True)
class Backbone:
    """A pretrained network.

    Attributes:
        name: "timm:NAME" or "torchvision:NAME", e.g. "timm:vit_small_patch14_dinov2" or "torchvision:resnet18".
        weights: "pretrained" for those that the library publishes (downloaded at first use); torchvision's name of
            others, e.g. "IMAGENET1K_V2"; the path of a file (see `load_weights`); or "random", as a baseline.
        size: side to which images are resized, pixels. None: twice that of the images at hand, as far as the network's
            own; enlarged images lose less of what a network learned on large ones.
        seed: of random weights.

    Raises:
        InvalidOptionError: a name of neither library, or a size of less than one pixel.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Backbone
        >>> digits = geosearch.load("digits")
        >>> network = Backbone("torchvision:resnet18", weights="random", size=32).load(side=8)
        >>> network.features(digits.images[:5]).shape
        (5, 512)
        >>> network.cut("last").shape
        (256, 2, 2)
    """

    name: str
    weights: str = "pretrained"
    size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        library, _, model = self.name.partition(":")
        if library not in LIBRARIES or not model:
            raise InvalidOptionError(
                f"a backbone is 'timm:NAME' or 'torchvision:NAME', got '{self.name}'; e.g. 'torchvision:resnet18'"
            )
        if self.size is not None and self.size < 1:
            raise InvalidOptionError(f"a backbone needs a size of at least one pixel, got {self.size}")

    def load(self, side: int, *, device: str = "cpu") -> PretrainedNetwork:
        """The network with its weights, kept for the next call.

        Args:
            side: of the images at hand, pixels.
            device: of the network.

        Raises:
            MissingPackageError: a library that is not installed.
            InvalidOptionError: an unknown network, weights that do not fit, a resolution that the network refuses, or
                a ``~USER`` that there is not.
            UnknownDatasetError: no such file of weights.
            StorageError: weights that cannot be downloaded.
        """
        return _loaded(self, side, device)


@dataclass(frozen=True, eq=False)
class PretrainedNetwork:
    """A frozen network from images to features.

    Attributes:
        name: of the backbone.
        network: normalized images (b, 3, size, size) -> features (b, d).
        normalization: from stored images to normalized ones.
        device: where it is computed.
    """

    name: str
    network: nn.Module = field(repr=False)
    normalization: Normalization
    device: torch.device

    @cached_property
    def key(self) -> str:
        """Content key of the weights and the preprocessing."""
        digest = hashlib.blake2b(digest_size=10)
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data if tensor.ndim else b"")
        return content_key("backbone", name=self.name, weights=digest.hexdigest(), normalization=self.normalization)

    @cached_property
    def width(self) -> int:
        """d"""
        with torch.no_grad():
            return self.network(torch.zeros(1, *self.image, device=self.device)).shape[1]

    @property
    def image(self) -> tuple[int, int, int]:
        """(ch, h, w) of normalized images."""
        return (3, self.normalization.size, self.normalization.size)

    def features(self, images: np.ndarray, *, batch: int = 64) -> np.ndarray:
        """Pooled features: uint8 (n, h, w, ch) -> float32 (n, d)

        Raises:
            TooLargeError: the device has too little memory for a batch.
        """
        return np.concatenate(list(self.run(self.network, images, batch=batch)))

    def encoder(self, trainable: Trainable) -> nn.Module:
        """The stem of a cut as it is run: norms folded into convolutions, channels last.

        Measured on one core with EfficientNet-Lite0 at 128 px: half the time, equal up to rounding.

        Raises:
            InvalidOptionError: as `cut`.
        """
        return self._encoders[trainable]

    def activations(self, trainable: Trainable, images: np.ndarray) -> Iterator[np.ndarray]:
        """Activations at a cut of uint8 (n, h, w, ch) images, float32 (b, *shape) for every batch.

        Raises:
            InvalidOptionError: as `cut`.
            TooLargeError: the device has too little memory for a batch.
        """
        return self.run(self.encoder(trainable), images, batch=encoder_batch(self.device))

    def run(self, part: nn.Module, images: np.ndarray, *, batch: int = 64) -> Iterator[np.ndarray]:
        """What a part of the network gives for uint8 (n, h, w, ch) images, a float32 array (b, ...) for every batch."""
        for start in range(0, max(len(images), 1), batch):
            x = self.normalization(images[start : start + batch]).to(self.device)
            try:
                with torch.inference_mode():
                    yield part(x).float().cpu().numpy()
            except torch.OutOfMemoryError as error:
                raise TooLargeError(
                    f"'{self.name}' at {self.normalization.size} px needs more memory than {self.device} has for "
                    f'{batch} images; lower its resolution, or set recipe.device to "cpu"'
                ) from error

    def cut(self, trainable: Trainable) -> Cut:
        """The network in a frozen and a trained part; tail(stem(x)) is network(x).

        Args:
            trainable: what is trained. "head": nothing of the network, the cut is behind it; "last": its last stage
                (see `last_stages`) and all that follows; n: its last n stages; "all": everything, the cut is before it.

        Raises:
            InvalidOptionError: no such stage is found, or the network cannot be cut before it.
        """
        return self._cuts[trainable]

    @cached_property
    def _cuts(self) -> _Cuts:
        return _Cuts(self)

    @cached_property
    def _encoders(self) -> _Encoders:
        return _Encoders(self)


def encoder_batch(device: torch.device) -> int:
    """Images that an encoder is given at once: few stay in a processor's cache.

    >>> encoder_batch(torch.device("cpu"))
    16
    """
    return 16 if device.type == "cpu" else 256


class _Cuts(dict[Trainable, Cut]):
    """The cuts of a network, made when first asked for."""

    def __init__(self, owner: PretrainedNetwork) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, trainable: Trainable) -> Cut:
        network, image = self.owner.network, self.owner.image
        if trainable == "head":
            cut = Cut(network, nn.Flatten(), (self.owner.width,), self.owner.width)
        elif trainable == "all":
            cut = Cut.everything(network, image)
        else:
            probe = torch.zeros(1, *image, device=self.owner.device)
            cut = Cut.before(network, last_stages(network, probe, 1 if trainable == "last" else trainable), image)
        return self.setdefault(trainable, cut)


class _Encoders(dict[Trainable, nn.Module]):
    """The stems of a network's cuts as they are run on many images, made when first asked for."""

    def __init__(self, owner: PretrainedNetwork) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, trainable: Trainable) -> nn.Module:
        probe = torch.randn(2, *self.owner.image, generator=seeds.torch_stream(0, "encoder probe"))
        stem = self.owner.cut(trainable).stem.eval()
        folded = fold_norms(stem, probe.to(self.owner.device))
        return self.setdefault(trainable, folded.to(memory_format=torch.channels_last))


@lru_cache(maxsize=2)
def _loaded(backbone: Backbone, side: int, device: str) -> PretrainedNetwork:
    library, _, model = backbone.name.partition(":")
    with seeds.seeded_globally(seeds.integer(backbone.seed, "backbone", model)):  # as libraries initialize
        network, normal, own = (_from_timm if library == "timm" else _from_torchvision)(backbone, model)
    network.eval().requires_grad_(False)
    size = _fitting_size(backbone, network, side, own)
    place = torch.device(device)
    return PretrainedNetwork(backbone.name, network.to(place), Normalization(size, *normal), place)


_Normal = tuple[tuple[float, float, float], tuple[float, float, float], str]  # mean, std, interpolation


def _from_timm(backbone: Backbone, model: str) -> tuple[nn.Module, _Normal, int]:
    """The network without its classifier, its preprocessing and its own resolution."""
    try:
        import timm
        from timm.data import resolve_model_data_config
    except ImportError as error:
        raise MissingPackageError(
            f"'{backbone.name}' needs the package timm; run pip install 'geosearch[timm]', or take a network of "
            "torchvision"
        ) from error
    if not timm.is_model(model.partition(".")[0]):
        raise InvalidOptionError(f"timm has no network '{model}'; {_nearest(model, timm.list_models())}")
    published = backbone.weights == "pretrained"
    if published and not timm.is_model_pretrained(model):
        raise InvalidOptionError(f"timm publishes no weights for '{model}'; give a file as weights")
    try:
        network: Any = timm.create_model(model, pretrained=published)
    except Exception as error:  # of several libraries that download
        if not published:
            raise
        raise _not_downloaded(backbone, error) from error
    if not published and backbone.weights != "random":
        head = network.pretrained_cfg.get("classifier", "")
        load_weights(network, expand_user(backbone.weights), backbone.name, head=head if head else "")
    network.reset_classifier(0)
    config = resolve_model_data_config(network)
    interpolation = config["interpolation"] if config["interpolation"] in ("bicubic", "bilinear") else "bilinear"
    return network, (config["mean"], config["std"], interpolation), config["input_size"][-1]


def _from_torchvision(backbone: Backbone, model: str) -> tuple[nn.Module, _Normal, int]:
    """The network without its last linear layer, its preprocessing and its own resolution."""
    from torchvision import models

    if model not in models.list_models(models):
        raise InvalidOptionError(
            f"torchvision has no classification network '{model}'; {_nearest(model, models.list_models(models))}"
        )
    known = models.get_model_weights(model)
    entry = known.DEFAULT
    is_file = is_path(backbone.weights)
    if backbone.weights not in ("pretrained", "random") and not is_file:
        try:
            entry = known[backbone.weights]
        except KeyError as error:
            raise InvalidOptionError(
                f"torchvision has no weights '{backbone.weights}' for '{model}'; it has "
                f'{", ".join(one.name for one in known)}; or say "pretrained", or give a file'
            ) from error
    try:
        network = models.get_model(model, weights=None if is_file or backbone.weights == "random" else entry)
    except (OSError, RuntimeError) as error:
        raise _not_downloaded(backbone, error) from error
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InvalidOptionError(f"'{backbone.name}' ends in no linear layer; choose e.g. torchvision:resnet18")
    if is_file:
        load_weights(network, expand_user(backbone.weights), backbone.name, head=linear[-1])
    parent, _, leaf = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), leaf, nn.Identity())
    shown = entry.transforms()
    return network, (tuple(shown.mean), tuple(shown.std), shown.interpolation.value), shown.crop_size[0]


def _fitting_size(backbone: Backbone, network: nn.Module, side: int, own: int) -> int:
    """The resolution that is asked for, or one that suits the images; checked with a blank image."""
    if backbone.size is not None:
        if refusal := _refusal(network, backbone.size):
            raise InvalidOptionError(
                f"'{backbone.name}' refuses images of {backbone.size} px ({refusal}); its own resolution is {own} px, "
                "others are often multiples of 32 or of its patches"
            )
        return backbone.size
    for size in [min(-(-2 * side // step) * step, own) for step in _STEPS]:
        if not _refusal(network, size):
            return size
    if refusal := _refusal(network, own):
        raise InvalidOptionError(f"'{backbone.name}' cannot be used at its own {own} px ({refusal}); take another")
    return own


def _refusal(network: nn.Module, size: int) -> str:
    """Why a network cannot take images of this size; empty if it can."""
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)  # of timm; it would cut the rest off
    if patch is not None and any(size % side for side in np.atleast_1d(patch)):
        return f"no multiple of its patches of {'x'.join(map(str, np.atleast_1d(patch)))} px"
    try:
        if hasattr(network, "set_input_size"):  # of timm: interpolates the embeddings of positions
            network.set_input_size(img_size=size)  # type: ignore[operator]
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size))
    except (RuntimeError, ValueError, AssertionError, TypeError, NotImplementedError) as error:
        return next(iter(str(error).splitlines()), type(error).__name__)
    return ""


def _not_downloaded(backbone: Backbone, error: Exception) -> StorageError:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return StorageError(
        f"weights '{backbone.weights}' of '{backbone.name}' could not be downloaded ({first}); check the network, or "
        "give a file as weights"
    )


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"it has e.g. {', '.join(known[:5])}"
