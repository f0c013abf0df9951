"""The precision that a recipe computes in: automatic mixed precision, but for what is slow in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from geosearch.nn.recipe import Recipe


@contextmanager
def autocast(recipe: Recipe, place: torch.device) -> Iterator[None]:
    """While it lasts, networks compute in the precision of the recipe.

    On a processor, with bfloat16, depthwise convolutions that are strided or larger than 3 x 3 stay in float32: see
    `DepthwiseInFloat32`.
    """
    is_mixed = recipe.precision == "bfloat16"
    with torch.autocast(place.type, torch.bfloat16, enabled=is_mixed):
        if is_mixed and place.type == "cpu":
            with DepthwiseInFloat32():
                yield
        else:
            yield


class DepthwiseInFloat32(TorchFunctionMode):
    """Computes depthwise convolutions that are strided or larger than 3 x 3 in float32, channels last.

    Their gradients are slow in bfloat16 on processors. Measured on one core, 32 images, forward and backward: 48 ms in
    bfloat16, 14 ms in float32 (5 x 5, 1,152 channels of 4 x 4). The last three stages of EfficientNet-Lite0 take 6.2 ms
    an image in place of 13.1; the last one, which has none such, 0.9 either way.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func is not torch.conv2d or not _is_slow(*args, **options):
            return func(*args, **options)
        x: Any
        rest: Any
        x, *rest = (one.float() if isinstance(one, torch.Tensor) else one for one in args)
        with torch.autocast("cpu", enabled=False):
            return func(x.contiguous(memory_format=torch.channels_last), *rest, **options)


def _is_slow(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: int = 1,
) -> bool:
    is_strided = max(stride) > 1 if isinstance(stride, tuple) else stride > 1
    return groups > 1 and groups == x.shape[-3] and (is_strided or max(weight.shape[2:]) > 3)
