"""Interpolation in weight space: between a common start and networks that were trained from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from geosearch.errors import InvalidOptionError

State = Mapping[str, torch.Tensor]
Module = TypeVar("Module", bound=nn.Module)


def interpolate_states(
    start: State, trained: Sequence[State], coefficient: float, weights: Sequence[float] = (1.0,)
) -> dict[str, torch.Tensor]:
    """theta_0 + coefficient * sum_i a_i (theta_i - theta_0), computed without training.

    0 gives the start, 1 the weighted average of the trained networks; both ends are exact. Statistics of norms are
    interpolated like weights, which changes nothing where they were frozen, as those of pretrained networks are here;
    where they differ they are not the statistics of the new network, and should be computed anew (see
    `update_batch_norm`). Counters are those of the start.

    Source: Wortsman et al. 2022 (WiSE-FT), eq. 2, for one trained network; Ilharco et al. 2023 (task arithmetic) for
    several.

    Args:
        start: state dict of the common start.
        trained: state dicts of networks trained from it.
        coefficient: lambda in [0, 1].
        weights: a_i, one for each trained network, not negative and summing to one.

    Raises:
        InvalidOptionError: a number out of range, or networks of other shapes than the start.

    >>> start, trained = {"w": torch.tensor([1.0, 1.0])}, {"w": torch.tensor([3.0, 1.0])}
    >>> interpolate_states(start, [trained], 0.5)["w"]
    tensor([2., 1.])
    """
    if not 0 <= coefficient <= 1:
        raise InvalidOptionError(f"an interpolation needs a coefficient in [0, 1], got {coefficient}")
    if len(weights) != len(trained) or min(weights) < 0 or not np.isclose(sum(weights), 1.0, atol=1e-6):
        raise InvalidOptionError(
            f"an interpolation needs one weight for each of {len(trained)} networks, not negative and summing to one, "
            f"got {tuple(weights)}"
        )
    for state in trained:
        _check(start, state)
    return {
        name: first.lerp(sum(a * state[name] for a, state in zip(weights, trained, strict=True)), coefficient)  # type: ignore[arg-type]
        if first.is_floating_point()
        else first
        for name, first in start.items()
    }


def interpolate(start: Module, trained: Module, coefficient: float) -> Module:
    """A copy of `trained` whose weights lie between those of `start` (0) and its own (1); see `interpolate_states`.

    Raises:
        InvalidOptionError: a coefficient out of range, or networks of different shapes.

    Example:
        >>> from geosearch.nn import SmallConv, interpolate
        >>> start, other = (SmallConv(4).build(channels=1, size=8, classes=2, seed=seed) for seed in (0, 1))
        >>> interpolate(start, other, 0.0).fingerprint == start.fingerprint
        True
    """
    state = interpolate_states(start.state_dict(), [trained.state_dict()], coefficient)
    made = copy.deepcopy(trained)
    made.load_state_dict(state)
    return made


def _check(start: State, trained: State) -> None:
    """Refuse a network of another shape; counters need none, for they are those of the start."""
    shapes, others = (
        {name: tuple(tensor.shape) if start.get(name, tensor).is_floating_point() else () for name, tensor in one}
        for one in (start.items(), trained.items())
    )
    if shapes != others:
        name = min(name for name in {*shapes, *others} if shapes.get(name) != others.get(name))
        raise InvalidOptionError(
            f"networks of different shapes cannot be interpolated: '{name}' is {others.get(name, 'missing')} in the "
            f"trained network and {shapes.get(name, 'missing')} in the start; train both from the same start"
        )
