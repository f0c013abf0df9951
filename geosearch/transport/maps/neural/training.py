"""The saddle-point training of a neural map: one potential update against a few map updates, resumable bit for bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from geosearch import seeds
from geosearch.errors import TrainingFailedError
from geosearch.nn.networks import Network
from geosearch.runtime.arrays import Arrays, write_checked_arrays
from geosearch.transport.maps.neural.cost import PixelCost
from geosearch.transport.maps.neural.networks import MapNetwork, PotentialNetwork

EXPLODED = 100.0  # mean costs by which a potential may prefer one side before the training counts as lost
CURVES = ("step", "map_loss", "potential_gap", "cost")


class TrainingOptions(Protocol):
    """What the training reads of its option object, `Neural`; units and defaults stand there."""

    @property
    def steps(self) -> int: ...
    @property
    def map_steps(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def gradient_penalty(self) -> float: ...
    @property
    def average(self) -> float: ...
    @property
    def checkpoint_every(self) -> int: ...


class MapTraining:
    """Networks, optimizers, moving average and curves at one step; `arrays` and `load` carry all of it.

    Every step draws its batches from a stream named by the step, so a resumed training goes on with the numbers of
    an uninterrupted one.
    """

    def __init__(
        self,
        networks: tuple[MapNetwork, PotentialNetwork],
        classifier: Network,
        pixel_cost: PixelCost,
        options: TrainingOptions,
        seed: int,
    ) -> None:
        self.map_network, self.potential = networks
        self.averaged = copy.deepcopy(self.map_network).requires_grad_(False)
        self.classifier, self.cost, self.options, self.seed = (
            classifier.requires_grad_(False),
            pixel_cost,
            options,
            seed,
        )
        self.absent = pixel_cost.source_labels.sum(0) == 0  # classes of the source without a row get no probability
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), betas=(0.5, 0.99), fused=True)
            for name, network in (("map", self.map_network), ("potential", self.potential))
        }
        self.step = 0
        self.curves: list[tuple[float, ...]] = []

    def run(self, checkpoint: Path) -> None:
        """Train to the end, from the checkpoint if a sound one is there; it is deleted when the training ends.

        Raises:
            TrainingFailedError: a loss that is no finite number, or potentials that ran away.
        """
        while self.step < self.options.steps:
            try:
                self._advance()
            except TrainingFailedError:
                checkpoint.unlink(missing_ok=True)
                raise
            if self.step % self.options.checkpoint_every == 0 and self.step < self.options.steps:
                write_checked_arrays(checkpoint, self.arrays())
        checkpoint.unlink(missing_ok=True)

    def soft(self, images: torch.Tensor) -> torch.Tensor:
        """The classifier's view: (b, ch, h, w) -> (b, c2), rows summing to one."""
        return soft_labels(self.classifier, images, self.absent)

    def arrays(self) -> Arrays:
        """Everything that the rest of the training depends on, classifier included."""
        arrays = {
            "step": np.array([self.step]),
            "curves": np.array(self.curves, dtype=np.float64).reshape(-1, len(CURVES)),
        }
        for name, module in self._modules().items():
            arrays |= network_arrays(module, name)
        for name, optimizer in self.optimizers.items():
            for index, moments in optimizer.state_dict()["state"].items():
                arrays |= {f"adam.{name}.{index}.{key}": value.cpu().numpy() for key, value in moments.items()}
        return arrays

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what `arrays` returned; KeyError, RuntimeError or ValueError if something is missing."""
        for name, module in self._modules().items():
            load_network(module, arrays, name)
        for name, optimizer in self.optimizers.items():
            state = optimizer.state_dict()
            for index, weight in enumerate(optimizer.param_groups[0]["params"]):
                stored = f"adam.{name}.{index}"
                state["state"][index] = {
                    "step": torch.tensor(float(arrays[f"{stored}.step"].item())),
                    "exp_avg": _like(weight, arrays[f"{stored}.exp_avg"]),
                    "exp_avg_sq": _like(weight, arrays[f"{stored}.exp_avg_sq"]),
                }
            optimizer.load_state_dict(state)
        self.curves = [tuple(row) for row in arrays["curves"].tolist()]
        self.step = int(arrays["step"][0])

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "map": self.map_network,
            "potential": self.potential,
            "averaged": self.averaged,
            "classifier": self.classifier,
        }

    def _advance(self) -> None:
        options, pixel_cost = self.options, self.cost
        rng = seeds.stream(self.seed, "neural-map", "step", self.step)
        rows = torch.from_numpy(rng.integers(len(pixel_cost.images), size=(options.map_steps + 1, options.batch)))
        real = torch.from_numpy(rng.integers(len(pixel_cost.source_images), size=options.batch)).to(
            pixel_cost.images.device
        )
        left = 1 - self.step / options.steps
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = options.learning_rate * min(1.0, 2 * left)
        rows = rows.to(pixel_cost.images.device)
        for update in range(options.map_steps):
            loss, cost = self._update_map(rows[update])
        gap = self._update_potential(rows[-1], real)
        values = torch.stack([loss, gap, cost * pixel_cost.unit]).tolist()
        if not all(map(math.isfinite, values)) or abs(values[1]) > EXPLODED:
            raise TrainingFailedError(self._divergence_message(values[0], values[1]))
        if self.step % max(1, options.steps // 200) == 0 or self.step + 1 == options.steps:
            self.curves.append((float(self.step), *values))
        self.step += 1

    def _update_map(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step down; the loss (half costs less potential) and the mean full cost, both in units of `unit`."""
        images, labels = self.cost.images[rows], self.cost.labels[rows]
        self.potential.requires_grad_(False)
        moved = self.map_network(images, labels)
        soft = self.soft(moved)
        cost = self.cost.cost(images, labels, moved, soft).mean()
        loss = cost / 2 - self.potential(moved, soft).mean()
        self._descend("map", loss)
        with torch.no_grad():
            done = self.step * self.options.map_steps
            keep = min(self.options.average, (1 + done) / (10 + done))  # the first steps are forgotten fast
            for mean, weight in zip(self.averaged.parameters(), self.map_network.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
        return loss.detach(), cost.detach()

    def _update_potential(self, rows: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """One step up; how far the potential prefers the source to the pushed target, in units of `unit`."""
        self.potential.requires_grad_(True)
        with torch.no_grad():
            moved = self.map_network(self.cost.images[rows], self.cost.labels[rows])
            soft = torch.cat([self.soft(moved), self.cost.source_labels[real]])
        both = torch.cat([moved, self.cost.source_images[real]]).requires_grad_(True)
        values = self.potential(both, soft)
        pushed, source = values.chunk(2)
        gap = source.mean() - pushed.mean()
        (slope,) = torch.autograd.grad(values.sum(), both, create_graph=True)
        steepness = self.cost.unit * slope.square().sum((1, 2, 3)).mean()
        self._descend("potential", self.options.gradient_penalty * steepness - gap)
        return gap.detach()

    def _descend(self, name: str, loss: torch.Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()

    def _divergence_message(self, loss: float, gap: float) -> str:
        what = f"the potential's gap grew to {gap:.3g} mean costs" if math.isfinite(gap) else f"the gap became {gap}"
        what = what if math.isfinite(loss) else f"the map's loss became {loss}"
        return (
            f"the neural map diverged at step {self.step + 1} of {self.options.steps}: {what}; lower learning_rate "
            f"(now {self.options.learning_rate:g}), or raise gradient_penalty (now {self.options.gradient_penalty:g}) "
            f"or map_steps (now {self.options.map_steps})"
        )


def soft_labels(classifier: Network, images: torch.Tensor, absent: torch.Tensor) -> torch.Tensor:
    """(b, ch, h, w) -> (b, c2); classes that are absent from the source get no probability."""
    return classifier(images).masked_fill(absent, -torch.inf).softmax(1)


def network_arrays(module: nn.Module, name: str) -> Arrays:
    """Weights and buffers as arrays `name.*`."""
    return {f"{name}.{key}": value.detach().cpu().numpy() for key, value in module.state_dict().items()}


def load_network(module: nn.Module, arrays: Mapping[str, np.ndarray], name: str) -> None:
    """The reverse of `network_arrays`; KeyError or RuntimeError if something is missing."""
    module.load_state_dict({key: _like(old, arrays[f"{name}.{key}"]) for key, old in module.state_dict().items()})


def _like(tensor: torch.Tensor, array: np.ndarray) -> torch.Tensor:
    """The array's values in the shape and memory order of `tensor`, which fused optimizers rely on."""
    return torch.empty_like(tensor).copy_(torch.from_numpy(np.array(array)).reshape(tensor.shape))
