"""Interpolation in weight space: its ends, its straight line, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from geosearch.errors import InvalidOptionError
from geosearch.nn.interpolation import interpolate, interpolate_states
from geosearch.nn.networks import Network, SmallConv


def made(seed: int, width: int = 4) -> Network:
    return SmallConv(width).build(channels=1, size=8, classes=3, seed=seed)


def states(*seeds: int) -> list[dict[str, torch.Tensor]]:
    return [made(seed).state_dict() for seed in seeds]


def test_both_ends_are_exact() -> None:
    start, trained = made(0), made(1)
    assert interpolate(start, trained, 0.0).fingerprint == start.fingerprint
    assert interpolate(start, trained, 1.0).fingerprint == trained.fingerprint
    assert interpolate(start, start, 0.3).fingerprint == start.fingerprint


def test_neither_network_is_changed() -> None:
    start, trained = made(0), made(1)
    before = start.fingerprint, trained.fingerprint
    interpolate(start, trained, 0.5)
    assert (start.fingerprint, trained.fingerprint) == before


def test_the_path_is_a_straight_line() -> None:
    start, one, other = states(0, 1, 2)
    middle = interpolate_states(start, [one], 0.5)
    quarter, again = interpolate_states(start, [one], 0.25), interpolate_states(start, [middle], 0.5)
    for name in start:
        torch.testing.assert_close(quarter[name], again[name])
    mean = interpolate_states(start, [one, other], 0.6, (0.3, 0.7))
    for name in (name for name in start if start[name].is_floating_point()):
        expected = start[name] + 0.6 * (0.3 * (one[name] - start[name]) + 0.7 * (other[name] - start[name]))
        torch.testing.assert_close(mean[name], expected)


def test_statistics_of_norms_are_interpolated_and_counters_kept() -> None:
    start = {"running_mean": torch.tensor([1.0]), "num_batches_tracked": torch.tensor(3)}
    trained = {"running_mean": torch.tensor([3.0]), "num_batches_tracked": torch.tensor([9])}
    found = interpolate_states(start, [trained], 0.5)
    assert (found["running_mean"].item(), found["num_batches_tracked"].item()) == (2.0, 3)


def test_networks_of_other_shapes_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="different shapes"):
        interpolate(made(0), made(0, width=8), 0.5)
    with pytest.raises(InvalidOptionError, match="missing"):
        interpolate_states({"w": torch.ones(1)}, [{}], 0.5)


@pytest.mark.parametrize(("coefficient", "weights"), [(1.1, (1.0,)), (-0.1, (1.0,)), (0.5, (0.5,)), (0.5, (0.5, 0.5))])
def test_numbers_out_of_range_are_refused(coefficient: float, weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidOptionError):
        interpolate_states({"w": torch.ones(1)}, [{"w": torch.zeros(1)}], coefficient, weights)
