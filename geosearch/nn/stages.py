"""Stages: the parts of a network between which it can be cut, found in its structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from geosearch.errors import InvalidOptionError

_NEARLY_ALL = 0.8  # of the weight matrices of a level, so that it has one part only that counts


def last_stages(network: nn.Module, probe: torch.Tensor, count: int = 1) -> str:
    """Name of the module in which the last stages of a network begin.

    Stages are the parts of the outermost level where several parts hold more than one weight matrix, in the order in
    which they are called; what follows the last one (a convolution, a norm) belongs to the tail as well. A part that
    holds nearly all matrices of its level is such a level itself, and what follows it (attention that pools) belongs to
    the tail. So they are ``layer1`` to ``layer4`` of a ResNet, the groups of blocks of an EfficientNet or a ConvNeXt,
    and the blocks of a vision transformer.

    Args:
        network: images -> features.
        probe: some images, (b, ch, h, w).
        count: of stages.

    Raises:
        InvalidOptionError: there are no such parts, or not more than `count` of them.

    >>> block = lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
    >>> network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Sequential(block(), block(), block()))
    >>> last_stages(network, torch.zeros(1, 3, 9, 9)), last_stages(network, torch.zeros(1, 3, 9, 9), count=2)
    ('1.2', '1.1')
    """
    called = [name for name, _ in calls_of(network, probe)]
    path = ""
    while parts := [part for part in _parts(network, path, called) if _matrices(network.get_submodule(part)) > 1]:
        held = {part: _matrices(network.get_submodule(part)) for part in parts}
        path = max(parts, key=held.__getitem__)
        if held[path] <= _NEARLY_ALL * sum(held.values()):
            return _stage(network, sorted(parts, key=called.index), count)
    raise InvalidOptionError(
        f"{type(network).__name__} has no stages to cut between (no level of it has several parts with weights); "
        'set recipe.trainable to "head" or "all", or take another network'
    )


def calls_of(network: nn.Module, probe: torch.Tensor) -> list[tuple[str, Any]]:
    """Name and output of every call of a module, in the order in which the calls begin."""
    calls: list[tuple[str, Any]] = []
    open_calls: list[int] = []

    def begin(name: str) -> None:
        open_calls.append(len(calls))
        calls.append((name, None))

    def end(name: str, output: Any) -> None:
        calls[open_calls.pop()] = (name, output)

    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            if name:
                hooks.callback(module.register_forward_pre_hook(lambda m, x, name=name: begin(name)).remove)
                hooks.callback(module.register_forward_hook(lambda m, x, y, name=name: end(name, y)).remove)
        network(probe)
    return calls


def _stage(network: nn.Module, stages: Sequence[str], count: int) -> str:
    """The one at which the last `count` begin."""
    if count < len(stages):
        return stages[-count]
    raise InvalidOptionError(
        f"{type(network).__name__} has {len(stages)} stages ({stages[0]} to {stages[-1]}), so that at most the last "
        f'{len(stages) - 1} can be trained apart, got {count}; set recipe.trainable to "all", or to fewer'
    )


def _parts(network: nn.Module, path: str, called: Sequence[str]) -> Iterator[str]:
    """Names of the modules of one level; for a list of modules, which is never called itself, those in it."""
    for name, _ in network.get_submodule(path).named_children():
        full = f"{path}.{name}" if path else name
        if full in called:
            yield full
        else:
            yield from _parts(network, full, called)


def _matrices(module: nn.Module) -> int:
    """How many of its modules hold weights with two or more dimensions."""
    own = ([weight.ndim for weight in part.parameters(recurse=False)] for part in module.modules())
    return sum(max(ndims, default=0) > 1 for ndims in own)
