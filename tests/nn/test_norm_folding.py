"""Norms folded into convolutions: the same network in fewer operations; what cannot be folded is left as it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from geosearch.nn import Backbone
from geosearch.nn.norm_folding import fold_norms


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def trained(network: nn.Module) -> nn.Module:
    """With norms that change something."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize(
    "name", ["torchvision:resnet18", "torchvision:mobilenet_v3_small", "timm:tf_efficientnet_lite0"]
)
def test_the_folded_network_gives_the_same_without_norms(name):
    if name.startswith("timm"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    network = trained(Backbone(name, weights="random", size=32).load(16).network)
    x = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        scale = network(x).abs().max()
        folded = fold_norms(network, x / 2)
        assert norms(folded) == 0 < norms(network)
        assert (folded(x) - network(x)).abs().max() < 1e-4 * scale


def test_norms_in_training_and_norms_without_a_convolution_of_their_own_stay():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert norms(fold_norms(layers.train(), torch.rand(2, 3, 8, 8))) == 1
    alone = trained(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()))
    assert norms(fold_norms(alone, torch.rand(2, 3, 8, 8))) == 1


class Branched(nn.Module):
    """The convolution's output is used beside the norm, too."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        return y + self.norm(y)


def test_a_network_that_would_change_is_left_as_it_is():
    network = trained(Branched())
    assert fold_norms(network, torch.rand(2, 3, 8, 8)) is network
