"""SourceWeighting: one training in which the weights of the sources descend the error of the shots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream, as_tensor
from geosearch.nn.train import minimize, resolve_device
from geosearch.pretraining.hypergradient import Hypergradient, LookAhead, Parameters, WeightedStep
from geosearch.pretraining.left_out_error import left_out_error

TRAININGS = 2  # what one such training costs, in ordinary ones of as many steps (reports/neighbours.md)
DECAY = 0.9  # of the running mean square of the hypergradient


@dataclass(frozen=True, eq=False)
class SourceWeightedTraining:
    """A network, and the weights of the m sources that were found with it.

    Attributes:
        network: the trained network, in evaluation mode.
        weights: float64 (m,), their mean over the second half of the training; the sum is 1.
        path: float64 (t, m), the weights after every hypergradient.
    """

    network: Network
    weights: np.ndarray
    path: np.ndarray


@dataclass(frozen=True)
class SourceWeighting:
    """Train a network on all sources alike, with loss weights that descend the error of the shots.

    Batches hold equally many images of every source, and the loss is sum_i a_i L_i. Every few steps the logarithms of a
    are moved against the hypergradient h, the derivative in a of the leave-one-out error of a ridge head on the shots
    (`left_out_error`): log a_i -= rate h_i / s, then a is normalized; s^2 is the running mean square of h.

    Source: Tan et al. 2026 (FastMix), Raghu et al. 2021; the exponentiated gradient of Kivinen & Warmuth 1997. Ours:
    the normalization by s, and the mean over the second half, since single hypergradients are noisy.

    Attributes:
        recipe: how to train; its objective has no effect.
        derivative: gives the hypergradient.
        every: steps between two hypergradients.
        rate: by how much an ordinary hypergradient moves a logarithm.
        images: of the shots, at most, that an error is measured on; drawn anew every time.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, Recipe, SmallConv
        >>> digits = geosearch.load("digits")
        >>> one, other, shots = (digits.take(range(i, i + 100)) for i in (0, 100, 200))
        >>> method = SourceWeighting(Recipe(SmallConv(4), steps=10))
        >>> method.train([Pool((one, other)), Pool((other, one))], shots, seed=0).weights.shape
        (2,)
    """

    recipe: Recipe = field(default_factory=Recipe)
    derivative: Hypergradient = field(default_factory=LookAhead)
    every: int = 5
    rate: float = 0.2
    images: int = 200

    def __post_init__(self) -> None:
        if self.every < 1 or not self.rate > 0 or self.images < 2:
            raise InvalidOptionError(
                "SourceWeighting needs every >= 1, rate > 0 and images >= 2, got "
                f"{self.every}, {self.rate} and {self.images}"
            )

    def train(
        self, sources: Sequence[Stream], shots: LabelledSet, seed: int, *, device: str = "cpu"
    ) -> SourceWeightedTraining:
        """Train a new network.

        Args:
            sources: m streams with the same labels and image shape.
            shots: labelled or pseudo-labelled images of the target, n > 1.
            seed: seed of the initial weights, the batches and the augmentation.
            device: where to train, as for `pretrain`.

        Raises:
            DomainMismatchError: the streams or the shots differ in image shape, the streams in their number of labels,
                or there is one shot only.
            TrainingFailedError: the loss became NaN or infinite.
        """
        _check(sources, shots)
        recipe, m, place = self.recipe, len(sources), resolve_device(device)
        height, _, channels = shots.shape
        network = recipe.network.build(channels, height, sources[0].class_count, seed).to(place)
        error = _ShotsError(network, shots, self.images, seed, place)
        generator = seeds.torch_stream(seed, "source weighting", "augmentation")
        logarithms, square = torch.zeros(m, device=place), 0.0
        path: list[torch.Tensor] = []
        steps = 0

        def move(step: WeightedStep) -> None:
            nonlocal square
            slope = self.derivative.of(step)
            square = DECAY * square + (1 - DECAY) * float(slope.square().mean())
            scale = (square / (1 - DECAY ** (len(path) + 1))) ** 0.5
            logarithms.sub_(self.rate * slope / max(scale, 1e-30))
            path.append(logarithms.softmax(0))

        def loss(batches: tuple[Batch, ...]) -> torch.Tensor:
            nonlocal steps
            images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
            x = recipe.augmentation(torch.from_numpy(images).to(place), generator)
            with autocast(recipe, place):
                scores = network(x).float()
            y = torch.from_numpy(labels).to(place)
            each = F.cross_entropy(scores, y, label_smoothing=recipe.label_smoothing, reduction="none")
            losses = each.view(m, -1).mean(1)
            if torch.is_grad_enabled() and steps % self.every == 0:
                weights = logarithms.softmax(0)
                move(WeightedStep(network, scores, losses, weights, recipe.learning_rate, error.draw()))
            steps += torch.is_grad_enabled()
            return logarithms.softmax(0) @ losses

        size = max(recipe.batch // m, 1)
        rngs = [seeds.stream(seed, "source weighting", "batches", i) for i in range(m)]
        streams = [one.batches(size, rng) for one, rng in zip(sources, rngs, strict=True)]
        minimize(network, zip(*streams, strict=True), loss, recipe)
        found = torch.stack(path).cpu().double().numpy() if path else np.full((1, m), 1 / m)
        weights = found[len(found) // 2 :].mean(0)
        return SourceWeightedTraining(network, weights / weights.sum(), found)


class _ShotsError:
    """The leave-one-out error of shots, as a function of the parameters of the body."""

    def __init__(self, network: Network, shots: LabelledSet, most: int, seed: int, place: torch.device) -> None:
        self.network, self.features, self.classes, self.most = network, _Features(network), len(shots.classes), most
        self.images, self.labels = as_tensor(shots.images).to(place), torch.from_numpy(shots.labels).to(place)
        self.rng = seeds.stream(seed, "source weighting", "shots")

    def draw(self) -> Callable[[Parameters], torch.Tensor]:
        """The error on all shots, or on as many as are used at once; normalized as after the training."""
        rows = slice(None) if len(self.labels) <= self.most else self._rows()
        images, labels = self.images[rows], self.labels[rows]

        def error(parameters: Parameters) -> torch.Tensor:
            self.network.eval()
            named = {f"network.body.{name}": one for name, one in parameters.items()}
            z: torch.Tensor = functional_call(self.features, named, (images,))
            self.network.train()
            return left_out_error(z.float(), labels, self.classes)

        return error

    def _rows(self) -> torch.Tensor:
        return torch.from_numpy(self.rng.choice(len(self.labels), self.most, replace=False)).to(self.labels.device)


class _Features(nn.Module):
    """The features of a network as the output of a module, for `functional_call`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network.features(images)


def _check(sources: Sequence[Stream], shots: LabelledSet) -> None:
    """Raises DomainMismatchError, as `train`."""
    kinds = {(one.class_count, one.image_shape) for one in sources}
    if len(kinds) != 1 or next(iter(kinds))[1] != shots.shape:
        found = ", ".join(f"{count} labels and images {shape}" for count, shape in sorted(kinds))
        raise DomainMismatchError(
            "the streams of all sources must have the same labels, and images of the same shape as the shots; got "
            f"{found or 'no stream'}, and shots of {shots.shape}"
        )
    if len(shots) < 2:
        raise DomainMismatchError("an error with one shot left out needs two shots, got 1; label more")
