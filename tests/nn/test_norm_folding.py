"""Norms folded into convolutions: the same network in fewer operations; what cannot be folded is left as it is."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from geosearch.nn import Backbone
from geosearch.nn.norm_folding import fold_norms, folding_norms

IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def trained(network: nn.Module) -> nn.Module:
    """A copy with norms that change something."""
    network = copy.deepcopy(network)
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


def gradients(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    network.requires_grad_(True).zero_grad(set_to_none=True)
    network(x).square().mean().backward()
    return {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:tf_efficientnet_lite0"])
def test_folded_in_training_all_weights_have_the_gradients_that_they_have_with_norms(name, monkeypatch):
    if name.startswith("timm"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    network, x = trained(Backbone(name, weights="random", size=32).load(16).network), torch.rand(4, 3, 32, 32)
    expected, slopes = network(x).detach(), gradients(network, x)
    with folding_norms(network, x[:2]), monkeypatch.context() as patch:
        patch.setattr(nn.functional, "batch_norm", None)  # no norm runs
        folded, found = network(x).detach(), gradients(network, x)
    assert found.keys() == slopes.keys()
    torch.testing.assert_close(folded, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    for weight, slope in slopes.items():
        torch.testing.assert_close(found[weight], slope, rtol=0, atol=1e-3 * float(slope.abs().max()))
    assert norms(network) > 0
    assert not any("forward" in vars(module) for module in network.modules())  # as it was


def test_norms_that_update_their_statistics_are_not_folded_in_training():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = layers[1].running_mean.clone()
    with folding_norms(layers, torch.rand(2, 3, 8, 8)):
        assert not any("forward" in vars(module) for module in layers.modules())
    assert torch.equal(layers[1].running_mean, before)  # the probe did not go through it
    for network in (trained(Branched()), trained(Forked()), trained(Branched()).requires_grad_(False)):
        x = torch.rand(2, 3, 8, 8)
        expected = network(x)
        with folding_norms(network, x):
            torch.testing.assert_close(network(x), expected)
        assert not any("forward" in vars(module) for module in network.modules())


class Forked(nn.Module):
    """Two norms take the output of one convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm, self.other = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        return self.norm(y) + self.other(y)


def test_in_bfloat16_the_gradients_are_about_as_exact_as_with_norms():
    pytest.importorskip("timm")
    torch.manual_seed(0)
    network, x = trained(Backbone("timm:tf_efficientnet_lite0", weights="random", size=32).load(16).network), IMAGES
    exact = torch.cat([slope.flatten() for slope in gradients(network, x).values()])

    def error() -> float:
        with torch.autocast("cpu", torch.bfloat16):
            found = gradients(network, x)
        return float((torch.cat([slope.flatten() for slope in found.values()]) - exact).norm() / exact.norm())

    apart = error()
    with folding_norms(network, x[:2]):
        assert error() < 2 * apart
