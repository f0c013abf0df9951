"""PretrainedArchitecture: the network option that starts from a backbone's weights, of which the tail is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.backbones import Backbone, Trainable, encoder_batch
from geosearch.nn.networks import NETWORKS, Network
from geosearch.nn.normalization import Normalization
from geosearch.nn.option_facts import unstated_field
from geosearch.nn.side_by_side import SideBySide
from geosearch.runtime.registry import Setting

Features = Literal["trained", "both"]


@NETWORKS.register("torchvision:NAME", "any classification network of torchvision, with its pretrained weights")
@NETWORKS.register("timm:NAME", "any network of timm (the extra timm), with its pretrained weights")
@dataclass(frozen=True)
class PretrainedArchitecture:
    """A pretrained network whose last part is trained, on images or on activations at its cut.

    A network that it builds has the pretrained weights, whatever the seed; only its head is drawn. Its norms keep the
    statistics that they were pretrained with.

    Attributes:
        backbone: the pretrained network.
        trainable: "head": only a head on its features; "last": its last stage too; n: its last n stages; "all":
            everything.
        features: what is adapted after the pretraining: "trained", the trained network; "both", the pretrained features
            beside the trained ones. Sources that are unlike the target then take nothing away (reports/photographs.md).
        codes: the range of the activations that it is trained on; None: it is trained on images.
        views: further views of every image of a source, computed beforehand (see `ActivationCache.compute`).
        content: content key of its weights and preprocessing, once it is loaded.

    Example:
        >>> from geosearch.nn import Backbone, PretrainedArchitecture
        >>> backbone = Backbone("torchvision:resnet18", weights="random", size=32)
        >>> PretrainedArchitecture(backbone, "last").build(channels=3, size=16, classes=10, seed=0).head
        Linear(in_features=512, out_features=10, bias=True)
    """

    is_pretrained: ClassVar[bool] = True

    backbone: Backbone = unstated_field()  # its weights may be a path; what they are is in `content`
    trainable: Trainable = "last"
    features: Features = "trained"
    codes: ActivationCodes | None = None
    views: int = 0
    content: str = ""

    def __post_init__(self) -> None:
        if self.trainable == 1:
            object.__setattr__(self, "trainable", "last")
        if isinstance(self.trainable, int) and self.trainable < 1:
            raise InvalidOptionError(
                f'recipe.trainable is "head", "last", "all", or how many of the last stages, got {self.trainable}'
            )

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The keys in study files."""
        return (
            Setting(
                "weights",
                str | None,
                None,
                'Weights of a pretrained network: "pretrained" (where left out), torchvision\'s name of others, or a '
                "file.",
            ),
            Setting(
                "trainable",
                Literal["head", "last", "all"] | int | None,
                None,
                'What of a pretrained network is trained: "head", a head alone; "last" (where left out), its last '
                'stage and what follows; 2, 3, ...: so many of its last stages; "all", everything.',
            ),
            Setting(
                "features",
                Literal["trained", "both"],
                "trained",
                'What heads are fitted to after the pretraining of a pretrained network: its "trained" features, or '
                '"both", those that it had before beside them.',
            ),
            Setting(
                "union_stages",
                int,
                0,
                "How many last stages of a pretrained network are trained on all sources at once, besides what is "
                "trained on mixtures: a row of the confirmation that serves every target of these sources, taken as "
                "far from the pretrained weights as the labels choose, and the answer unless they are clearly against "
                "it. Left out: 0, no such row. With 4, answers on six sets of photographs had 3.0 ± 3.5 points less "
                "error (reports/photographs.md).",
                {"ge": 0, "le": 100},
            ),
            Setting(
                "resolution",
                int | None,
                None,
                "Side to which images are resized for a pretrained network, pixels. Left out: twice domain.size, as "
                "far as the network's own.",
                {"ge": 8, "le": 2048},
            ),
            Setting(
                "views",
                int,
                0,
                "Further views of every image of a source, computed once: the first is mirrored, others are random "
                "parts (transport.space = features).",
                {"ge": 0, "le": 20},
            ),
        )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], *, name: str, **context: object) -> PretrainedArchitecture:
        """Of the name in a study file; the weights are not read yet."""
        backbone = Backbone(name, settings.get("weights") or "pretrained", settings.get("resolution"))
        asked: Trainable | None = settings.get("trainable")
        trainable: Trainable = "last" if asked is None else asked
        features: Features = settings.get("features") or "trained"
        return cls(backbone, trainable, features, views=settings.get("views") or 0)

    @property
    def facts(self) -> dict[str, Any]:
        """All options, JSON-representable."""
        codes = self.codes and [self.codes.shape, self.codes.low, self.codes.high]
        known = {"content": self.content, "trainable": self.trainable, "codes": codes, "views": self.views}
        both = {} if self.features == "trained" else {"features": self.features}
        return {"architecture": "pretrained", **known, **both}

    def loaded(self, side: int) -> PretrainedArchitecture:
        """The same, with the content key of its weights, for images of a side in pixels.

        Raises:
            InvalidOptionError, UnknownDatasetError, StorageError: as `Backbone.load`.
        """
        network = self.backbone.load(side)
        backbone = replace(self.backbone, size=network.normalization.size)
        return replace(self, backbone=backbone, content=network.key)

    def build(self, channels: int, size: int, classes: int, seed: int) -> Network:
        """The pretrained network with a new head.

        Raises:
            InvalidOptionError: codes of another shape than its own, or as `Backbone.load`.
        """
        network = self.backbone.load(size)
        cut = network.cut(self.trainable)
        tail = copy.deepcopy(cut.tail)
        body: nn.Module
        if self.codes is None:
            body = _OnImages(network.normalization, network.encoder(self.trainable), tail)
        elif (channels, size) != (self.codes.image_shape[2], self.codes.image_shape[0]):
            raise InvalidOptionError(
                f"'{self.backbone.name}' was given images of {size} px and {channels} channels for activations "
                f"{self.codes.shape}; compute them with the same cut"
            )
        else:
            body = _OnCodes(self.codes, tail)
        made = PretrainedHeaded(body, nn.utils.skip_init(nn.Linear, cut.width, classes))
        return made.with_head(classes, seeds.integer(seed, "network")).eval()

    def after_pretraining(self, network: Network, size: int) -> Network:
        """The network, its pretrained features beside the trained ones if asked for; its logits stay as they are."""
        if self.features == "trained":
            return network
        loaded, body = self.backbone.load(size), cast(Any, network.body)
        pretrained = copy.deepcopy(loaded.cut(self.trainable).tail)
        body.tail = SideBySide(pretrained, body.tail, content=f"{loaded.key} {self.trainable}")
        head = nn.utils.skip_init(nn.Linear, 2 * network.head.in_features, network.head.out_features)
        with torch.no_grad():
            head.weight.copy_(torch.cat([torch.zeros_like(network.head.weight), network.head.weight], 1))
            head.bias.copy_(network.head.bias)
        network.head = head
        return network.eval()


class PretrainedHeaded(Network):
    """A network whose body takes images in [0, 1] as they are; its norms and dropout are never in training mode."""

    treats_images_alone = True

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return self.body(images)


class _OnImages(nn.Module):
    """Normalization, a frozen stem as it is run on many images, and a tail.

    The stem computes in float32, also while the tail is trained in bfloat16: the tail is to see what it will see in
    use, and the roundings of many folded layers add up.
    """

    def __init__(self, normalization: Normalization, stem: nn.Module, tail: nn.Module) -> None:
        super().__init__()
        self.normalization, self.stem, self.tail = normalization, stem, tail

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            parts = images.float().split(encoder_batch(images.device))
            x = torch.cat([self.stem(self.normalization(part)) for part in parts])
        return self.tail(x)

    def train(self, mode: bool = True) -> _OnImages:
        return super().train(False)


class _OnCodes(nn.Module):
    """From codes back to activations, and a tail."""

    def __init__(self, codes: ActivationCodes, tail: nn.Module) -> None:
        super().__init__()
        self.codes, self.tail = codes, tail

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.codes.decode(images)
        if x.ndim == 4 and not torch.is_grad_enabled():  # half the time of large batches; a training gains nothing
            x = x.contiguous(memory_format=torch.channels_last)
        return self.tail(x)
