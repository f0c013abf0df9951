"""Precision: products in bfloat16, and depthwise convolutions whose gradients are slow there in float32."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from geosearch.nn.precision import autocast
from geosearch.nn.recipe import Recipe

CPU = torch.device("cpu")
MIXED = Recipe(precision="bfloat16")


@pytest.mark.parametrize(
    ("convolution", "dtype"),
    [
        (nn.Conv2d(8, 8, 5, padding=2, groups=8), torch.float32),
        (nn.Conv2d(8, 8, 3, padding=1, stride=2, groups=8, bias=False), torch.float32),
        (nn.Conv2d(8, 16, 3, padding=1, stride=(1, 2), groups=8), torch.float32),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), torch.bfloat16),
        (nn.Conv2d(8, 8, 5, padding=2, groups=2), torch.bfloat16),
        (nn.Conv2d(8, 8, 5, padding=2), torch.bfloat16),
        (nn.Conv2d(8, 8, 1), torch.bfloat16),
    ],
)
def test_which_convolutions_stay_in_float32(convolution: nn.Conv2d, dtype: torch.dtype) -> None:
    x = torch.randn(3, 8, 6, 6)
    with autocast(MIXED, CPU):
        found = convolution(x)
    assert found.dtype == dtype
    if dtype == torch.float32:
        torch.testing.assert_close(found, convolution(x))
    with autocast(Recipe(), CPU):
        assert convolution(x).dtype == torch.float32


def test_gradients_reach_what_comes_before_in_bfloat16() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 5, padding=2, groups=8), nn.Conv2d(8, 2, 1))
    x, gradients = torch.randn(16, 4, 6, 6), []
    for recipe in (Recipe(), MIXED):
        network.zero_grad()
        with autocast(recipe, CPU):
            y = network(x)
        y.float().square().mean().backward()
        gradients.append([weight.grad.clone() for weight in network.parameters()])
    for exact, mixed in zip(*gradients, strict=True):
        assert F.cosine_similarity(exact.flatten(), mixed.flatten(), dim=0) > 0.99


def test_options_by_name_and_float_inputs_of_lower_precision() -> None:
    x, weight = torch.randn(2, 8, 6, 6), torch.randn(8, 1, 3, 3)
    with autocast(MIXED, CPU):
        assert F.conv2d(x.bfloat16(), weight, stride=2, groups=8).dtype == torch.float32
        assert F.conv2d(x, weight, groups=8).dtype == torch.bfloat16
