"""Many small networks of one architecture trained at once: the same numbers as one at a time, up to rounding."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional as F

from geosearch import seeds
from geosearch.errors import DomainMismatchError, InvalidOptionError, TrainingFailedError
from geosearch.nn.networks import Network
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, Stream
from geosearch.nn.train import divergence_error, resolve_device
from geosearch.nn.weight_averaging import RunningAverage, batch_norm_layers, update_batch_norm

Run = tuple[Stream, int]
Batches = tuple[torch.Tensor, torch.Tensor]  # images (k, b, ch, h, w), soft labels (k, b, C)


def pretrain_stacked(
    runs: Sequence[Run], recipe: Recipe, *, device: str = "cpu", unfold: bool = False
) -> list[Network | TrainingFailedError]:
    """What `pretrain` makes of every (mixture, seed), all trained side by side in stacked tensors.

    A small network leaves an accelerator waiting for the next of its many small operations; k stacked networks
    need as many operations as one. On a CPU it pays for tiny networks only: measured on one core at 28 px, the
    throughput is 1.5 times that of one at a time for `SmallConv(8)`, but 0.45 times for `SmallConv(32)`, whose
    grouped convolutions are slow there.

    Every network has its own weights, batches, augmentation, and its own statistics of batch normalisation: they
    are buffers, stacked and moved like the weights.

    Args:
        runs: mixtures of one image shape and one number of classes, each with its seed.
        recipe: how to train all of them.
        device: as for `pretrain`.
        unfold: multiply convolutions as matrices of patches; without it they are one grouped convolution, which
            is the faster one on a CPU.

    Returns:
        One network per run, in their order; in place of one whose loss stopped being finite, the error that
        `pretrain` would have raised: it disturbs none of the others.

    Raises:
        DomainMismatchError: the mixtures differ in shape or number of classes.
        InvalidOptionError: the recipe stops early or is compiled, which is for one network at a time.
    """
    _check(runs, recipe)
    if not runs:
        return []
    place = resolve_device(device)
    (height, _, channels), classes = runs[0][0].image_shape, runs[0][0].class_count
    networks = [recipe.network.build(channels, height, classes, seed) for _, seed in runs]
    stack = _Stack(networks, recipe, place, unfold)
    with closing(_batches(runs, recipe, place)) as batches:
        failures = stack.descend(batches)
    stack.unstack(networks)
    return [failures.get(k, network) for k, network in enumerate(networks)]


class _Stack:
    """k networks as one: every weight and buffer has a first axis of length k.

    Attributes:
        template: the module whose forward pass is run; its own weights are never read.
        weights: name -> (k, ...), leaves of the optimizer.
        buffers: name -> (k, ...), moved in place by batch normalisation.
    """

    def __init__(self, networks: Sequence[Network], recipe: Recipe, place: torch.device, unfold: bool) -> None:
        self.recipe, self.place = recipe, place
        self.template = copy.deepcopy(networks[0]).to(place).train()
        if unfold:
            _unfold(self.template)
        for layer in batch_norm_layers(self.template) if recipe.precision != "float32" else ():
            layer.register_forward_pre_hook(_in_float32)  # stacked, it takes statistics of its input's type only
        weights, buffers = stack_module_state(list(networks))
        self.weights = {name: w.detach().contiguous().to(place).requires_grad_() for name, w in weights.items()}
        self.buffers = {name: buffer.contiguous().to(place) for name, buffer in buffers.items()}

    def descend(self, batches: Iterator[Batches]) -> dict[int, TrainingFailedError]:
        """Train all networks; the numbers of those that failed, with their errors."""
        recipe, failures = self.recipe, dict[int, TrainingFailedError]()
        optimizer = torch.optim.AdamW(
            list(self.weights.values()), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        mean = RunningAverage(recipe.averaging, self.weights.values(), recipe.steps) if recipe.averaging else None
        slopes = vmap(grad_and_value(self._loss))
        for step, (images, labels) in zip(range(recipe.steps), batches, strict=False):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * recipe.schedule.factor(step, recipe.steps)
            with torch.no_grad():
                gradients, losses = slopes(self.weights, self.buffers, images, labels)
            for name, weight in self.weights.items():
                weight.grad = gradients[name].contiguous()
            optimizer.step()
            if mean is not None:
                mean.update()
            if step + 1 == recipe.steps or step % 50 == 0:
                for k, loss in enumerate(losses.tolist()):
                    if not math.isfinite(loss):
                        failures.setdefault(k, divergence_error(loss, step, recipe))
        if mean is not None and recipe.steps:
            mean.apply()
            forward = vmap(self._loss)
            update_batch_norm(
                batch_norm_layers(self.template), lambda xy: forward(self.weights, self.buffers, *xy), batches
            )
        return failures

    def unstack(self, networks: Sequence[Network]) -> None:
        """Give every network its own weights and buffers."""
        state = {name: tensor.detach().cpu() for name, tensor in {**self.weights, **self.buffers}.items()}
        for k, network in enumerate(networks):
            network.load_state_dict({name: tensor[k] for name, tensor in state.items()})

    def _loss(
        self, weights: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor
    ) -> torch.Tensor:
        """Of one network: images (b, ch, h, w), soft labels (b, C) -> a scalar."""
        with autocast(self.recipe, self.place):
            scores = functional_call(self.template, (weights, buffers), (x,))
        return F.cross_entropy(scores.float(), y, label_smoothing=self.recipe.label_smoothing)


def _batches(runs: Sequence[Run], recipe: Recipe, place: torch.device) -> Generator[Batches, None, None]:
    """Endless: the next batch of every run, augmented, on the device; drawn ahead by threads if that is no CPU."""
    height, width, channels = runs[0][0].image_shape
    streams = [mixture.batches(recipe.batch, seeds.stream(seed, "pretrain", "batches")) for mixture, seed in runs]
    generators = [seeds.torch_stream(seed, "pretrain", "augmentation") for _, seed in runs]
    is_cpu, augment = place.type == "cpu", recipe.augmentation

    def room(*shape: int) -> torch.Tensor:
        return torch.empty(len(runs), recipe.batch, *shape, pin_memory=not is_cpu)

    with ThreadPoolExecutor(1 if is_cpu else min(len(runs), os.cpu_count() or 1)) as pool:

        def ask() -> tuple[torch.Tensor, torch.Tensor, Iterator[torch.Tensor | None]]:
            images, labels = room(channels, height, width), room(runs[0][0].class_count)
            draw = map if is_cpu else pool.map
            rooms = zip(images.numpy(), labels.numpy(), strict=True)
            return images, labels, iter(draw(_draw, streams, generators, rooms, [recipe] * len(runs)))

        ahead = ask()
        while True:
            images, labels, drawn = ahead
            draws = list(drawn)
            ahead = ask()  # on a CPU this draws nothing yet
            x, y = (tensor.to(place, non_blocking=True) for tensor in (images, labels))
            if not augment.is_identity:
                numbers = torch.cat([d for d in draws if d is not None], 1)
                x = augment.apply(x.flatten(0, 1), numbers).unflatten(0, (len(runs), -1))
            yield x, y


def _draw(
    stream: Iterator[Batch], generator: torch.Generator, room: tuple[np.ndarray, np.ndarray], recipe: Recipe
) -> torch.Tensor | None:
    """Put a run's next batch into its room; the random numbers of its augmentation, if there is any."""
    room[0][...], room[1][...] = next(stream)
    return None if recipe.augmentation.is_identity else recipe.augmentation.draw_parameters(recipe.batch, generator)


def _in_float32(layer: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0].float(),)


class _Unfolded(nn.Module):
    """A convolution without bias as a product of its weights with the patches of an image."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight  # of the same name, so that stacked weights find it
        self.kernel, self.stride = convolution.kernel_size, convolution.stride
        self.padding: Any = convolution.padding  # the networks pad by numbers, never by name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grid = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(x.shape[2:], self.padding, self.kernel, self.stride, strict=True)
        ]
        patches = F.unfold(x, self.kernel, padding=self.padding, stride=self.stride)  # (b, i, grid)
        return torch.einsum("oi,big->bog", self.weight.flatten(1), patches).unflatten(2, grid)


def _unfold(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.bias is None and child.groups == 1 and child.dilation == (1, 1):
            setattr(module, name, _Unfolded(child))
        else:
            _unfold(child)


def _check(runs: Sequence[Run], recipe: Recipe) -> None:
    if recipe.early_stop is not None or recipe.compiled:
        raise InvalidOptionError(
            "stacked networks train the same number of steps, uncompiled; set early_stop to None and compiled to "
            "False, or train one at a time"
        )
    kinds = sorted({(mixture.image_shape, mixture.class_count) for mixture, _ in runs})
    if len(kinds) > 1:
        raise DomainMismatchError(
            f"stacked networks need mixtures of one image shape and number of classes, got {kinds}"
        )
