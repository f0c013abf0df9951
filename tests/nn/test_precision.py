"""Precision: products in bfloat16, and depthwise convolutions whose gradients are slow there in float32."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from geosearch.nn import precision
from geosearch.nn.precision import autocast, has_bfloat16
from geosearch.nn.recipe import Recipe

CPU = torch.device("cpu")
MIXED = Recipe(precision="bfloat16")


@pytest.fixture(autouse=True)
def fast_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine is: it computes the same in bfloat16, only slower."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda place: True)


def test_a_device_that_emulates_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda place: False)
    convolution, depthwise = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 5, padding=2, groups=8)
    x = torch.randn(3, 8, 6, 6)
    with autocast(MIXED, CPU):
        found = depthwise(convolution(x))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, depthwise(convolution(x)))


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({"_is_avx512_bf16_supported": False, "_is_amx_tile_supported": False}, False),
        ({"_is_avx512_bf16_supported": True, "_is_amx_tile_supported": False}, True),
        ({"_is_avx512_bf16_supported": False, "_is_amx_tile_supported": True}, True),
        ({}, False),  # a torch that cannot tell
    ],
)
def test_which_processors_have_bfloat16(monkeypatch: pytest.MonkeyPatch, has: dict[str, bool], expected: bool) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    for name, value in has.items():
        monkeypatch.setattr(torch.cpu, name, lambda value=value: value, raising=False)
    assert has_bfloat16.__wrapped__("cpu") == expected


def test_other_devices() -> None:
    assert has_bfloat16("meta")
    if torch.cuda.is_available():
        major, _ = torch.cuda.get_device_capability()
        assert has_bfloat16("cuda") == (major >= 8)


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


def test_calls_of_every_form_give_what_they_give_without_it() -> None:
    x, weight, bias = torch.randn(2, 8, 6, 6), torch.randn(8, 1, 3, 3, requires_grad=True), torch.randn(8)
    expected = F.conv2d(x, weight, bias, stride=2, groups=8)
    with autocast(MIXED, CPU):
        forms = [
            F.conv2d(x.bfloat16().float(), weight, bias, 2, 0, 1, 8),
            F.conv2d(x, weight, bias, [2, 2], groups=8),
            F.conv2d(input=x, weight=weight, bias=bias, stride=(2, 2), groups=8),
            torch.func.vmap(lambda one: F.conv2d(one[None], weight, bias, stride=2, groups=8)[0])(x),
        ]
        lower = F.conv2d(x.bfloat16(), weight=weight.bfloat16(), stride=2, groups=8)
        one = F.conv2d(x[0], weight, bias, stride=2, groups=8)  # no batch: as torch does it
    for found in forms:
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert lower.dtype == torch.float32
    torch.testing.assert_close(one.float(), expected[0], rtol=0.1, atol=0.1)


def test_without_gradients_nothing_changes() -> None:
    convolution, x = nn.Conv2d(8, 8, 5, padding=2, groups=8), torch.randn(3, 8, 6, 6)
    with autocast(MIXED, CPU), torch.no_grad():
        assert convolution(x).dtype == torch.bfloat16
