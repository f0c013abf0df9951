"""Stages: those of several families are tested with their cuts; here, which networks have none, or too few."""

import pytest
import torch
from torch import nn

from geosearch.errors import InvalidOptionError
from geosearch.nn.stages import last_stages


def test_as_many_stages_as_there_are_cannot_be_trained_apart() -> None:
    network = nn.Sequential(_block(), _block(), _block(), nn.Flatten())
    assert last_stages(network, torch.zeros(1, 3, 8, 8), 2) == "1"
    for count in (3, 9):
        with pytest.raises(InvalidOptionError, match=rf"3 stages \(0 to 2\), so that at most .* 2 .* got {count}"):
            last_stages(network, torch.zeros(1, 3, 8, 8), count)


def test_a_network_of_one_part_has_none() -> None:
    with pytest.raises(InvalidOptionError, match="no stages to cut between"):
        last_stages(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten()), torch.zeros(1, 3, 8, 8))


def _block() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
