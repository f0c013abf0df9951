"""Modules: an adapted predictor as one plain torch module that gives logits, and an untrained one of the same form."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from geosearch.adaptation.base import Predictor
from geosearch.adaptation.predictors import EnsemblePredictor, NetworkPredictor
from geosearch.adaptation.ridge import RidgePredictor
from geosearch.errors import InvalidOptionError
from geosearch.nn.networks import NETWORKS, Architecture, Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.whole_network import WHOLE, WholeNetwork

SHARPNESS = 10.0  # logits of a ridge head are its class scores, about 0 to 1, times this (reports/model.md)
PIXELS = "pixels"  # the architecture of a linear head on raw pixels


class NetworkEnsemble(nn.Module):
    """Several networks whose class probabilities are averaged.

    >>> from geosearch.nn import SmallConv
    >>> members = [SmallConv(4).build(channels=1, size=8, classes=10, seed=seed) for seed in range(3)]
    >>> NetworkEnsemble(members)(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 10])

    Attributes:
        members: networks with the same classes.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The members' features side by side: (b, ch, h, w) -> (b, d)."""
        return torch.cat([one.features(images) for one in self.members], 1)  # type: ignore[operator]

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of features: (b, d) -> (b, c)."""
        widths = [one.head.in_features for one in self.members]  # type: ignore[union-attr]
        parts = features.split(widths, 1)
        members = zip(self.members, parts, strict=True)
        return torch.stack([one.head(part).softmax(1) for one, part in members]).mean(0).log()  # type: ignore[operator]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logarithms of the mean probabilities: (b, ch, h, w) -> (b, c)."""
        return self.classify(self.features(images))


Module: TypeAlias = Network | NetworkEnsemble


def as_module(predictor: Predictor) -> Module:
    """A predictor as a module that gives logits; it predicts the same classes, and shares no memory with it.

    A ridge head becomes the linear head of the network whose features it was fitted to.

    Raises:
        InvalidOptionError: a predictor of an unknown kind.
    """
    if isinstance(predictor, NetworkPredictor):
        return copy.deepcopy(predictor.network).eval()
    if isinstance(predictor, RidgePredictor):
        return _with_ridge_head(predictor)
    if isinstance(predictor, EnsemblePredictor):
        members = [as_module(one) for one in predictor.predictors]
        if all(isinstance(one, Network) for one in members):
            return NetworkEnsemble([one for one in members if isinstance(one, Network)]).eval()
    raise InvalidOptionError(f"a {type(predictor).__name__} cannot be written as one module")


def classify(module: Module, features: torch.Tensor) -> torch.Tensor:
    """Logits of features: (b, d) -> (b, c)."""
    return module.head(features) if isinstance(module, Network) else module.classify(features)


def architecture_of(module: Module, kept: Architecture) -> tuple[dict[str, Any], ...]:
    """The facts from which `build_module` builds a module of the same form, for each member.

    Args:
        module: the module.
        kept: from `kept_architecture`.
    """
    members = module.members if isinstance(module, NetworkEnsemble) else [module]
    return tuple(_facts(one, kept) for one in members)  # type: ignore[arg-type]


def kept_architecture(trained: Architecture, side: int) -> Architecture:
    """What is kept of the networks that an architecture builds: of a pretrained one the whole, else the same.

    Args:
        trained: the architecture that a study trains.
        side: of the images, pixels.

    Raises:
        InvalidOptionError: it cannot be built again, see `WholeNetwork.check`.
    """
    if not isinstance(trained, PretrainedArchitecture):
        return trained
    whole = WholeNetwork.of(trained, side)
    whole.check(trained.backbone.load(side))
    return whole


def on_images(module: Module, trained: Architecture, side: int) -> Module:
    """A module that takes images, of one that takes what a study trains on, images or activations.

    Args:
        module: from `as_module`.
        trained: the architecture of its members.
        side: of the images, pixels.
    """
    if not isinstance(trained, PretrainedArchitecture):
        return module
    whole = WholeNetwork.of(trained, side)
    if isinstance(module, NetworkEnsemble):
        members = [whole.join(one, trained, side) for one in module.members if isinstance(one, Network)]
        return NetworkEnsemble(members).eval()
    return whole.join(module, trained, side)


def build_module(
    architecture: Sequence[Mapping[str, Any]], *, channels: int, size: int, classes: int, is_ensemble: bool
) -> Module:
    """A module with weights that are to be replaced.

    Raises:
        MissingPackageError: the library of a pretrained network is not installed.
        InvalidOptionError: an architecture that is not registered, or its settings are refused.
    """
    members = [_build(facts, channels, size, classes) for facts in architecture]
    return NetworkEnsemble(members).eval() if is_ensemble else members[0].eval()


def _facts(member: Network, kept: Architecture) -> dict[str, Any]:
    if _is_flat(member):
        return {"architecture": PIXELS}
    return (kept.of_member(member) if isinstance(kept, WholeNetwork) else kept).facts


def _build(facts: Mapping[str, Any], channels: int, size: int, classes: int) -> Network:
    settings = dict(facts)
    name = settings.pop("architecture")
    if name == PIXELS:
        return Network(nn.Flatten(), nn.utils.skip_init(nn.Linear, channels * size * size, classes))
    try:
        if name == WHOLE:
            return WholeNetwork.from_facts(**settings).build(channels, size, classes, seed=0)
        return NETWORKS.entry(name).option(**settings).build(channels, size, classes, seed=0)
    except TypeError as error:
        raise InvalidOptionError(f"the architecture '{name}' does not take {settings}") from error


def _with_ridge_head(predictor: RidgePredictor) -> Network:
    weight, bias = predictor.head.weight, predictor.head.bias  # (d, c), (c,)
    head = nn.utils.skip_init(nn.Linear, len(weight), len(bias))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(SHARPNESS * predictor.scale * weight.T))
        head.bias.copy_(torch.from_numpy(SHARPNESS * bias))
    return type(predictor.network)(copy.deepcopy(predictor.network.body), head).eval()


def _is_flat(network: nn.Module) -> bool:
    return isinstance(network, Network) and isinstance(network.body, nn.Flatten)
