"""An average is the mean it says it is, and batch normalisation is measured for it, not for the last weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.schedule import Constant
from geosearch.nn.train import fine_tune, predict, pretrain
from geosearch.nn.weight_averaging import (
    ExponentialAverage,
    RunningAverage,
    TailAverage,
    batch_norm_layers,
    update_batch_norm,
)

AVERAGES = [ExponentialAverage(0.9), TailAverage(0.4)]


def average_of(averaging, values):
    """The average after the parameter took these values, one a step."""
    parameter = nn.Parameter(torch.zeros(()))
    running = RunningAverage(averaging, [parameter], len(values))
    for value in values:
        parameter.data.fill_(value)
        running.update()
    running.apply()
    return parameter.item()


def test_a_tail_average_is_the_mean_over_the_tail():
    assert average_of(TailAverage(0.4), range(10)) == pytest.approx((6 + 7 + 8 + 9) / 4)
    assert average_of(TailAverage(1.0), range(10)) == pytest.approx(4.5)
    assert average_of(TailAverage(0.001), range(10)) == 9


def test_an_exponential_average_forgets_the_start_and_begins_as_the_mean():
    assert average_of(ExponentialAverage(0.9), [0.0, 1.0, 2.0]) == pytest.approx(1.0)
    assert average_of(ExponentialAverage(0.5), [100.0] + [1.0] * 30) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("averaging", AVERAGES)
def test_the_mean_of_what_does_not_move_is_itself(averaging):
    assert average_of(averaging, [3.0] * 7) == 3


@pytest.mark.parametrize(
    "build", [lambda: ExponentialAverage(1.0), lambda: ExponentialAverage(0.0), lambda: TailAverage(0.0)]
)
def test_impossible_averages_are_refused(build):
    with pytest.raises(InvalidOptionError, match="is usual"):
        build()


def test_measured_statistics_are_the_mean_over_the_batches_whatever_they_were_before():
    layer = nn.BatchNorm2d(2)
    layer.running_mean.fill_(9.0)
    layer.running_var.fill_(9.0)
    batches = [torch.randn(8, 2, 3, 3, generator=torch.Generator().manual_seed(i)) + i for i in range(4)]
    update_batch_norm(batch_norm_layers(layer), layer, batches)
    torch.testing.assert_close(layer.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    assert layer.momentum == 0.1
    assert batch_norm_layers(layer.eval()) == []


@pytest.mark.parametrize("averaging", AVERAGES)
def test_averaged_networks_learn_repeat_and_differ_from_the_last_weights(averaging, mixture, recipe, shots):
    averaged = replace(recipe.scaled(80), averaging=averaging)
    network = pretrain(mixture, averaged, 0)
    assert (predict(network, mixture.set.images).argmax(1) == mixture.set.labels).mean() > 0.95
    again, last = pretrain(mixture, averaged, 0).state_dict(), pretrain(mixture, recipe.scaled(80), 0).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in network.state_dict().items())
    assert not torch.equal(network.head.weight, last["head.weight"])
    assert (predict(fine_tune(network, shots, averaged, 0), shots.images).argmax(1) == shots.labels).mean() > 0.9


def test_an_average_of_one_step_has_its_weights_and_statistics_of_its_own(mixture, recipe):
    short = replace(recipe, steps=5, augmentation=NO_AUGMENTATION, schedule=Constant(), network=SmallConv(8))
    plain, averaged = (
        pretrain(mixture, replace(short, averaging=averaging), 0) for averaging in (None, TailAverage(0.1))
    )
    for a, b in zip(plain.parameters(), averaged.parameters(), strict=True):
        assert torch.equal(a, b)
    # after five steps at momentum 0.1 the kept statistics are still far from those of the data
    assert not torch.allclose(plain.body[2].running_var, averaged.body[2].running_var, rtol=0.1)


def test_no_steps_leave_an_averaged_network_as_initialised(mixture, recipe):
    none, averaged = recipe.scaled(0), replace(recipe.scaled(0), averaging=TailAverage())
    before, after = pretrain(mixture, none, 0).state_dict(), pretrain(mixture, averaged, 0).state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
