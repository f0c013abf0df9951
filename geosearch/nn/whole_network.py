"""WholeNetwork: a pretrained network with its trained part back in its place, from images to logits."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.backbones import Backbone, PretrainedNetwork, Trainable
from geosearch.nn.cut import with_tail
from geosearch.nn.networks import Network
from geosearch.nn.normalization import Normalization
from geosearch.nn.pretrained_architecture import Features, PretrainedArchitecture, PretrainedHeaded
from geosearch.nn.side_by_side import Branched, SideBySide

WHOLE = "whole pretrained network"  # the architecture in the facts
_PROBES = 2  # images on which a network that was built again is compared
_TOLERANCE = 1e-3  # of the largest feature


@dataclass(frozen=True)
class WholeNetwork:
    """The network option of a model that is handed on: all weights of a pretrained network, and one head.

    It is built without the pretrained weights, which need not be at hand, and is filled with those that were kept.

    Attributes:
        name: "timm:NAME" or "torchvision:NAME".
        normalization: from images to what the network takes.
        trained: which part was trained, see `PretrainedNetwork.cut`.
        weights: what it was pretrained with: as in `Backbone`, of a file the name alone.
        features: as in `PretrainedArchitecture`; a network that was never pretrained on sources has "trained" ones.

    Example:
        >>> import torch
        >>> from geosearch.nn import Backbone, PretrainedArchitecture, WholeNetwork
        >>> architecture = PretrainedArchitecture(Backbone("torchvision:resnet18", weights="random", size=32), "last")
        >>> trained = architecture.build(channels=3, size=16, classes=10, seed=0)
        >>> whole = WholeNetwork.of(architecture, side=16)
        >>> images = torch.rand(2, 3, 16, 16)
        >>> torch.allclose(whole.join(trained, architecture, side=16)(images), trained(images), atol=1e-5)
        True
    """

    is_pretrained: ClassVar[bool] = True

    name: str
    normalization: Normalization = field(repr=False)
    trained: Trainable = "last"
    weights: str = "pretrained"
    features: Features = "trained"

    @classmethod
    def of(cls, architecture: PretrainedArchitecture, side: int) -> WholeNetwork:
        """Of the networks that an architecture builds, for images of a side in pixels."""
        backbone = architecture.backbone
        normalization = backbone.load(side).normalization
        return cls(backbone.name, normalization, architecture.trainable, Path(backbone.weights).name)

    @property
    def facts(self) -> dict[str, Any]:
        """All options, JSON-representable."""
        shown = self.normalization
        return {
            "architecture": WHOLE,
            "name": self.name,
            "resolution": shown.size,
            "mean": list(shown.mean),
            "std": list(shown.std),
            "interpolation": shown.interpolation,
            "trained": self.trained,
            "weights": self.weights,
            "features": self.features,
        }

    @classmethod
    def from_facts(
        cls,
        *,
        name: str,
        resolution: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        interpolation: str,
        trained: Trainable,
        weights: str,
        features: Features = "trained",  # as in models that do not say
    ) -> WholeNetwork:
        """The inverse of `facts`, without the name of the architecture."""
        normalization = Normalization(resolution, tuple(mean), tuple(std), interpolation)  # type: ignore[arg-type]
        return cls(name, normalization, trained, weights, features)

    def of_member(self, network: Network) -> WholeNetwork:
        """The same for one network, which an architecture built or made after its pretraining."""
        tail: Any = network.body.tail
        return replace(self, features="both" if isinstance(tail, SideBySide) else "trained")

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        """A network of this form, whose weights are to be replaced; it takes images of any channels and size.

        Raises:
            MissingPackageError: the library of the network is not installed.
            InvalidOptionError: it has no such network, or that refuses the resolution.
        """
        built = self._built()
        network = copy.deepcopy(built.network)
        if self.features == "trained":
            return self._headed(network, nn.utils.skip_init(nn.Linear, built.width, classes))
        tail: Any = copy.deepcopy(built.cut(self.trained).tail)
        return self._headed(Branched(network, tail), nn.utils.skip_init(nn.Linear, 2 * built.width, classes))

    def after_pretraining(self, network: Network, size: int) -> Network:
        """The same network; it is not trained any more."""
        return network

    def join(self, trained: Network, architecture: PretrainedArchitecture, side: int) -> Network:
        """The whole network of one that was trained on images or on activations; it takes images.

        Args:
            trained: as the architecture builds it.
            architecture: the one of `of`.
            side: of the images, pixels.

        Raises:
            InvalidOptionError: a trained weight also has a part before the cut, so that no one network has both.
        """
        pretrained = architecture.backbone.load(side)
        tail: Any = copy.deepcopy(trained.body.tail).cpu()
        network: nn.Module
        if isinstance(tail, SideBySide):
            network = Branched(copy.deepcopy(pretrained.network), tail.trained)  # type: ignore[arg-type]
        else:
            network = with_tail(pretrained.network, tail)
        stem, probe = pretrained.cut(self.trained).stem, _probe(pretrained)
        with torch.inference_mode():
            found, expected = network(probe), tail(stem(probe))
        if not _is_near(found, expected):
            raise InvalidOptionError(
                f"'{self.name}' uses weights of its trained stages before them, too, so its model cannot be kept; "
                'set recipe.trainable (of the deep union recipe.union_stages) to another number of stages, or to "all"'
            )
        return self._headed(network, copy.deepcopy(trained.head)).to(trained.head.weight.device)

    def check(self, network: PretrainedNetwork) -> None:
        """Compare the pretrained network with one that is built without its weights and filled with them.

        Raises:
            InvalidOptionError: it is another network.
        """
        again, probe = copy.deepcopy(self._built().network), _probe(network)
        try:
            again.load_state_dict(network.network.state_dict())
            with torch.inference_mode():
                expected = network.network(probe.to(network.device)).cpu()
                problem = "" if _is_near(again(probe), expected) else "it gives other features"
        except RuntimeError as error:
            problem = " ".join(str(error).split())[:200]
        if problem:
            raise InvalidOptionError(
                f"'{self.name}' is another network where it is built without its pretrained weights ({problem}), so "
                "its model cannot be kept; write the mixture with 'geosearch synthesize STUDY --out DIR', and train "
                "that network on it"
            )

    def _headed(self, network: nn.Module, head: nn.Linear) -> Network:
        return PretrainedHeaded(_Normalized(self.normalization, network.requires_grad_(True)), head).eval()

    def _built(self) -> PretrainedNetwork:
        return Backbone(self.name, "random", self.normalization.size).load(self.normalization.size)


def _probe(network: PretrainedNetwork) -> torch.Tensor:
    """Random images, (b, 3, size, size)."""
    return torch.rand(_PROBES, *network.image, generator=seeds.torch_stream(0, "whole network probe"))


def _is_near(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((found - expected).abs().max() <= _TOLERANCE * expected.abs().max())


class _Normalized(nn.Module):
    """Normalization, and a whole network."""

    def __init__(self, normalization: Normalization, network: nn.Module) -> None:
        super().__init__()
        self.normalization, self.network = normalization, network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.normalization(images))
