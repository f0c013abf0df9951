"""The training loop: pretraining on a mixture, fine-tuning on shots, reconstruction; and inference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.feature_memory import forget_features, recall
from geosearch.nn.networks import Network
from geosearch.nn.norm_folding import folding_norms
from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Stream, as_tensor, distinct_shot_batches, shot_batches
from geosearch.nn.weight_averaging import RunningAverage, batch_norm_layers, update_batch_norm

AnyBatch = TypeVar("AnyBatch")
Module = TypeVar("Module", bound=nn.Module)


def pretrain(mixture: Stream, recipe: Recipe, seed: int, *, device: str = "cpu") -> Network:
    """Train a new network on a mixture; equal arguments give equal weights on the same machine.

    Args:
        mixture: a stream of images and soft labels; the head gets one output per class.
        recipe: how to train, and what is made of the network afterwards (`Architecture.after_pretraining`).
        seed: seed of the initial weights, the batches and the augmentation.
        device: "cpu", "cuda", or "auto" (CUDA if available).

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
        InvalidOptionError: `device` is "cuda" and there is none.

    Example:
        >>> import geosearch
        >>> from geosearch.nn import Pool, Recipe, SmallConv, predict, pretrain
        >>> digits = geosearch.load("digits")
        >>> network = pretrain(Pool((digits,)), Recipe(SmallConv(4), steps=5), seed=0)
        >>> predict(network, digits.images[:3]).shape
        (3, 10)
    """
    height, _, channels = mixture.image_shape
    network = recipe.network.build(channels, height, mixture.class_count, seed)
    if recipe.objective is not None:
        trained = recipe.objective.train(network, mixture, recipe, seed, device)
    else:
        batches = mixture.batches(recipe.batch, seeds.stream(seed, "pretrain", "batches"))
        trained = _run(network, batches, recipe, seeds.torch_stream(seed, "pretrain", "augmentation"), device)
    return recipe.network.after_pretraining(trained, height)


def fine_tune(
    network: Network,
    shots: LabelledSet,
    recipe: Recipe,
    seed: int,
    *,
    device: str = "cpu",
    body_rate: float = 1.0,
    scaling: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Network:
    """Train every layer of a copy of `network`, with a new head, on the augmented shots.

    The network of `recipe` is ignored; the rest is as in `pretrain`.

    Args:
        body_rate: learning rate of the body, as a fraction of that of the head.
        scaling: what the loss takes for scores (b, c); as they are if None.
    """
    classes = len(shots.classes)
    fresh = network.with_head(classes, seed)
    rng = seeds.stream(seed, "fine-tune", "batches")
    repeats_itself = network.treats_images_alone and recipe.augmentation.is_identity
    batches = (distinct_shot_batches if repeats_itself else shot_batches)(shots, recipe.batch, rng)
    generator = seeds.torch_stream(seed, "fine-tune", "augmentation")
    return _run(fresh, batches, recipe, generator, device, body_rate, scaling)


def reconstruct(
    network: Module,
    images: Iterator[np.ndarray],
    loss: Callable[[torch.Tensor], torch.Tensor],
    recipe: Recipe,
    *,
    device: str = "cpu",
) -> Module:
    """Train `network` itself on images without labels, e.g. to reconstruct them.

    Of `recipe`, only steps, learning rate, schedule, weight decay, averaging and early stopping are used.

    Args:
        network: holds the parameters.
        images: endless batches float32 (b, ch, h, w) in [0, 1].
        loss: images -> a scalar that depends on the parameters.
        recipe: how to train.
        device: as for `pretrain`.

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
    """
    place = resolve_device(device)
    return minimize(network.to(place), images, lambda x: loss(torch.from_numpy(x).to(place)), recipe)


def features(network: Network, images: np.ndarray, *, batch: int = 512) -> np.ndarray:
    """Penultimate features of uint8 images: (n, h, w, ch) -> float32 (n, d); see `remember_features`."""
    return recall(network, images, lambda: _read_out(network, network.features, images, batch))


def predict(network: Network, images: np.ndarray, *, batch: int = 512) -> np.ndarray:
    """Class probabilities of uint8 images: (n, h, w, ch) -> float32 (n, c)."""
    return _read_out(network, lambda x: network(x).softmax(1), images, batch)


def _run(
    network: Network,
    batches: Iterator[tuple[np.ndarray, ...]],
    recipe: Recipe,
    generator: torch.Generator,
    device: str,
    body_rate: float = 1.0,
    scaling: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Network:
    place = resolve_device(device)
    network = network.to(place).train()
    forward = torch.compile(network) if recipe.compiled else network

    learner = recipe.augmentation.learner()
    augment = learner or recipe.augmentation

    def loss(batch: tuple[np.ndarray, ...]) -> torch.Tensor:
        images, labels, *shares = batch
        x = augment(torch.from_numpy(images).to(place), generator)
        with autocast(recipe, place):
            scores = forward(x).float()
        y = torch.from_numpy(labels).to(place)
        scores = scaling(scores) if scaling else scores
        if not shares and not learner:
            return F.cross_entropy(scores, y, label_smoothing=recipe.label_smoothing)
        each = F.cross_entropy(scores, y, label_smoothing=recipe.label_smoothing, reduction="none")
        if learner and torch.is_grad_enabled():  # not while batch statistics are measured again
            learner.learn(each.detach())
        return each @ torch.from_numpy(shares[0]).to(place) if shares else each.mean()

    folding: AbstractContextManager[None] = nullcontext()
    if recipe.steps and place.type == "cpu" and not recipe.compiled:  # GPUs have fast norms, a compiler fuses them
        first = next(batches)
        folding, batches = folding_norms(network, torch.from_numpy(first[0][:2])), chain([first], batches)
    with folding:
        trained = minimize(network, batches, loss, recipe, slower=(network.body, body_rate))
    trained.learned_augmentation = learner.probabilities if learner else None
    return trained


@forget_features()
def minimize(
    network: Module,
    batches: Iterator[AnyBatch],
    loss_of: Callable[[AnyBatch], torch.Tensor],
    recipe: Recipe,
    *,
    slower: tuple[nn.Module, float] | None = None,
) -> Module:
    """Minimize a loss over the parameters of `network`, in place; it is returned on the CPU in evaluation mode.

    Args:
        network: holds the parameters that are trained.
        batches: endless.
        loss_of: batch -> a scalar that depends on the parameters.
        recipe: only steps, learning rate, schedule, weight decay, averaging and early stopping are used.
        slower: a part of `network`, and the factor on the learning rate of its parameters.

    Raises:
        TrainingFailedError: the loss became NaN or infinite.
    """
    network.train()
    groups = _parameter_groups(network, slower)
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    mean = (
        RunningAverage(recipe.averaging, network.parameters(), recipe.steps)
        if recipe.averaging and recipe.steps
        else None
    )
    monitor = recipe.early_stop.monitor() if recipe.early_stop else None
    for step, batch in zip(range(recipe.steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * group["factor"] * recipe.schedule.factor(step, recipe.steps)
        loss = loss_of(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if mean is not None:
            mean.update()
        is_over = step + 1 == recipe.steps or (monitor is not None and monitor.should_stop(loss))
        if (is_over or step % 50 == 0) and not math.isfinite(loss.item()):
            raise divergence_error(loss.item(), step, recipe)
        if is_over:
            break
    if mean is not None:
        mean.apply()
        update_batch_norm(batch_norm_layers(network), loss_of, batches)
    return network.cpu().eval()


def _parameter_groups(network: nn.Module, slower: tuple[nn.Module, float] | None) -> list[dict[str, Any]]:
    """All parameters, in groups of one factor on the learning rate."""
    part, factor = slower if slower else (None, 1.0)
    if part is None or factor == 1:
        return [{"params": list(network.parameters()), "factor": 1.0}]
    apart = {id(parameter) for parameter in part.parameters()}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in apart]
    return [{"params": rest, "factor": 1.0}, {"params": list(part.parameters()), "factor": factor}]


def divergence_error(loss: float, step: int, recipe: Recipe) -> TrainingFailedError:
    """The error for a loss after `step` that is NaN or infinite."""
    return TrainingFailedError(
        f"the loss became {loss} at step {step + 1} of {recipe.steps} with learning rate "
        f"{recipe.learning_rate:g}; lower recipe.learning_rate"
    )


def resolve_device(device: str) -> torch.device:
    """The device of that name; "auto" is CUDA if available.

    Raises:
        InvalidOptionError: `device` is "cuda" and there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidOptionError("recipe.device is 'cuda' but torch finds no CUDA device; set it to 'auto' or 'cpu'")
    return torch.device(device)


def _read_out(
    network: Network, function: Callable[[torch.Tensor], torch.Tensor], images: np.ndarray, batch: int
) -> np.ndarray:
    was_training = network.training
    network.eval()
    place = network.head.weight.device
    with torch.inference_mode():
        parts = [
            function(as_tensor(images[i : i + batch]).to(place)).cpu().numpy()
            for i in range(0, max(len(images), 1), batch)
        ]
    network.train(was_training)
    return np.concatenate(parts)
