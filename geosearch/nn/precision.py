"""The precision that a recipe computes in: automatic mixed precision, but for what is slow in bfloat16."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from geosearch.nn.recipe import Recipe


@contextmanager
def autocast(recipe: Recipe, place: torch.device) -> Iterator[None]:
    """While it lasts, networks compute in the precision of the recipe: "bfloat16" where the device is fast in it.

    On a processor, with "bfloat16", depthwise convolutions that are strided or larger than 3 x 3 stay in float32: see
    `DepthwiseInFloat32`.
    """
    is_mixed = recipe.precision == "bfloat16"
    with torch.autocast(place.type, torch.bfloat16, enabled=is_mixed and has_bfloat16(place.type)):
        if is_mixed and place.type == "cpu":
            with DepthwiseInFloat32():
                yield
        else:
            yield


@cache
def has_bfloat16(device_type: str) -> bool:
    """Whether a type of device, "cpu" or "cuda", has instructions for products in bfloat16; others emulate them.

    Measured on one core with AVX2 only: a step of the last stage of EfficientNet-Lite0 takes 2.8 s in bfloat16 and 0.12
    in float32.
    """
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type != "cpu":
        return True
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(is_supported() for is_supported in known if is_supported is not None)


class DepthwiseInFloat32(TorchFunctionMode):
    """Computes depthwise convolutions that are strided or larger than 3 x 3 in float32, channels last.

    Their gradients are slow in bfloat16 on processors, so without gradients nothing changes. Measured on one core, 32
    images, forward and backward: 48 ms in bfloat16, 14 ms in float32 (5 x 5, 1,152 channels of 4 x 4). The last three
    stages of EfficientNet-Lite0 take 6.2 ms an image in place of 13.1; the last one, which has none such, 0.9 either
    way. Where all is in float32 the channels last still gain: the last four stages take 15 ms an image in place of 18.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func is not torch.conv2d or not torch.is_grad_enabled():
            return func(*args, **options)
        given = _CONV2D.bind(*args, **options)
        given.apply_defaults()
        if not _is_slow(**given.arguments):
            return func(*args, **options)
        known: dict[str, Any] = {
            name: one.float() if isinstance(one, torch.Tensor) else one for name, one in given.arguments.items()
        }
        known["input"] = known["input"].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # channels last
        with torch.autocast("cpu", enabled=False):
            return func(**known)


def _is_slow(input: torch.Tensor, weight: torch.Tensor, stride: int | Sequence[int], groups: int, **_: object) -> bool:
    if input.ndim != 4 or groups == 1 or groups != input.shape[1]:
        return False
    strides = (stride,) if isinstance(stride, int) else stride
    return max(strides) > 1 or max(weight.shape[2:]) > 3


def _conv2d(
    input: object,
    weight: object,
    bias: object = None,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: object = 1,
) -> None:
    """The arguments of `torch.conv2d`, which has no signature of its own."""


_CONV2D = inspect.signature(_conv2d)
