"""Joint training: what is taken out of the joint network is the same network, whatever its kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geosearch.confirmation.candidates.joint_training import with_last_classes
from geosearch.nn.backbones import Backbone
from geosearch.nn.networks import Architecture, SmallConv
from geosearch.nn.pretrained_architecture import PretrainedArchitecture

KINDS = [SmallConv(4), PretrainedArchitecture(Backbone("torchvision:resnet18", "random", size=32), "last")]


@pytest.mark.parametrize("architecture", KINDS)
def test_the_part_of_the_head_keeps_the_features_and_its_logits(architecture: Architecture) -> None:
    network = architecture.build(3, 16, 7, seed=0).eval()
    part = with_last_classes(network, 3)
    images = torch.from_numpy(np.random.default_rng(0).random((2, 3, 16, 16), np.float32))
    with torch.no_grad():
        torch.testing.assert_close(part.features(images), network.features(images))
        torch.testing.assert_close(part(images), network(images)[:, -3:])
    assert type(part) is type(network)
    assert network.head.out_features == 7
