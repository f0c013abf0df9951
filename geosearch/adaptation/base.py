"""Adaptation: the contract of every way to use a pretrained network on the few labelled images of the target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import facts_of
from geosearch.nn.recipe import VERSION
from geosearch.nn.streams import Stream
from geosearch.runtime.cache import content_key
from geosearch.runtime.registry import Choice


@dataclass(frozen=True)
class Score:
    """Validation error of a pretrained network on labelled images of the target; smaller is better.

    Attributes:
        squared_error: mean squared distance between predicted scores and one-hot labels.
        top1_error: fraction of wrong classes, in [0, 1].
        losses: what the squared error is the mean of, one for each image or episode; networks that are scored with one
            seed have theirs in the same order, so that their differences are paired.

    Example:
        >>> Score(squared_error=0.4, top1_error=0.2)
        Score(squared_error=0.4, top1_error=0.2)
    """

    squared_error: float
    top1_error: float
    losses: tuple[float, ...] = field(default=(), repr=False, compare=False)


class Predictor(Protocol):
    """A network adapted to the target."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class scores of images: uint8 (n, h, w, ch) -> (n, c); the largest score gives the class."""
        ...


class Scorer(Protocol):
    """A validation error that compares pretrained networks; the objective of a search."""

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        ...

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Validation error of a network on images of the target.

        Args:
            network: a pretrained network; it is not changed.
            shots: labelled or pseudo-labelled images. Each is predicted by a model that was not fitted to it.
            seed: seed of everything random in the scoring.
            mixture: the stream that the network was pretrained on.
        """
        ...


class Adaptation(Protocol):
    """A way to adapt a pretrained network to the target, and its validation error.

    `mixture` is the stream that the network was pretrained on; only `Rehearsal` uses it.
    """

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent."""
        ...

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        ...

    def score(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Score:
        """Cross-validated error on the shots; uses no other labels of the target."""
        ...

    def fit(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None = None) -> Predictor:
        """Adapt to all shots; `network` itself is not changed."""
        ...


@dataclass(frozen=True)
class AdaptationOptions:
    """Base class of adaptations: the content key of their options."""

    @property
    def facts(self) -> dict[str, Any]:
        """All options, as values that JSON can represent."""
        return facts_of(self)

    @property
    def key(self) -> str:
        """Content key of all options; equal options give equal keys."""
        return content_key("adaptation", version=VERSION, **self.facts)


ADAPTATIONS: Choice[Adaptation] = Choice(
    "recipe.adaptation",
    default="ridge",
    meaning="How the network will be used.",
    room="geosearch.adaptation",
)


def facts_with_images(options: Any, unlabelled: UnlabelledSet | None) -> dict[str, Any]:
    """The facts of an adaptation that has unlabelled images, which stand there by their fingerprint."""
    images = unlabelled.fingerprint if unlabelled is not None else None
    return {**facts_of(replace(options, unlabelled=None)), "unlabelled": images}
