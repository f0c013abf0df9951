"""Transformations do what their strengths say, and are differentiable in them."""

import math

import pytest
import torch

from geosearch import seeds
from geosearch.nn.transformations import LARGEST, transform


def images(count=3, channels=3, dtype=torch.float32):
    return torch.rand(count, channels, 12, 12, generator=seeds.torch_stream(0, "images"), dtype=dtype)


def changed(x, direction=0.0, colors=0.0, **strengths):
    full = {kind: torch.full((len(x),), strengths.get(kind, 0.0), dtype=x.dtype) for kind in LARGEST}
    colors = torch.full((len(x), 2, x.shape[1]), colors, dtype=x.dtype)
    return transform(x, full, torch.full((len(x),), direction, dtype=x.dtype), colors)


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def test_no_strength_is_no_change():
    close(changed(images(), colors=1.0), images())


@pytest.mark.parametrize("strength", [1.0, -1.0])
def test_a_flip_mirrors_whatever_its_sign(strength):
    close(changed(images(), flip=strength), images().flip(3))


def test_half_a_turn_and_a_quarter():
    close(changed(images(), rotate=math.pi), images().rot90(2, (2, 3)))
    turned = changed(images(), rotate=math.pi / 2)
    assert torch.allclose(turned, images().rot90(1, (2, 3)), atol=1e-4) or torch.allclose(
        turned, images().rot90(-1, (2, 3)), atol=1e-4
    )


def test_a_shift_by_half_the_frame_in_its_direction():
    close(changed(images(), translate=0.5)[:, :, :, :6], images()[:, :, :, 6:])
    close(changed(images(), translate=0.5, direction=math.pi / 2)[:, :, :6], images()[:, :, 6:])


def test_a_scale_of_log_2_shows_twice_the_frame():
    white = torch.zeros(1, 1, 16, 16)
    white[:, :, 4:12, 4:12] = 1
    assert changed(white, scale=math.log(2)).sum() == pytest.approx(16, abs=1)
    assert changed(white, scale=-math.log(2)).sum() == pytest.approx(256, abs=16)


def test_colors():
    x = images()
    close(changed(x, brightness=0.5), (x + 0.5).clamp(max=1))
    assert changed(x, contrast=-math.log(4)).std() == pytest.approx(float(x.std()) / 4, rel=0.05)
    close(changed(x, recolour=1.0, colors=1.0), 1 - x)


def test_gradients_flow_through_the_strengths():
    x = images(2, 1, torch.float64) * 0.2 + 0.4  # nothing is clipped
    names = [kind for kind in LARGEST if kind != "flip"]
    start = torch.full((len(names), 2), 0.07, dtype=torch.float64, requires_grad=True)
    rest = torch.zeros(2, dtype=torch.float64)

    def total(strengths):
        known = {**dict(zip(names, strengths, strict=True)), "flip": rest}
        return transform(x, known, rest + 0.3, torch.full((2, 2, 1), 0.4, dtype=torch.float64)).square().sum()

    assert torch.autograd.gradcheck(total, start)
    (gradient,) = torch.autograd.grad(total(start), start)
    assert (gradient != 0).all()
