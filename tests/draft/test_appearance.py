"""What images look like: judged right on every set at hand."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.loaders.registry import load
from geosearch.draft.appearance import Appearance, judge_appearance

GLYPHS, SHAPES, PHOTOGRAPHS = Appearance.GLYPHS, Appearance.SHAPES, Appearance.PHOTOGRAPHS
DATA = {
    "mnist": GLYPHS, "usps": GLYPHS, "kmnist": GLYPHS, "az_letters": GLYPHS, "fashion_mnist": SHAPES,
    "mnist_m": PHOTOGRAPHS, "svhn_small": PHOTOGRAPHS, "cifar10_small": PHOTOGRAPHS,
}  # fmt: skip
PHOTOS = ("aid", "rsscn7", "seedlings", "corn_leaf", "dtd10", "trash", "wbc")


@pytest.mark.parametrize(("name", "expected"), DATA.items())
def test_real_sets(real_data, name, expected):
    assert judge_appearance(load(f"npz:{real_data / name}.npz").images)[0] is expected


@pytest.mark.parametrize("name", PHOTOS)
def test_real_photographs(real_data, name):
    path = real_data.parent / "photos" / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"no photographs at {path.parent}")
    images = load(f"npz:{path}").images
    assert judge_appearance(images)[0] is PHOTOGRAPHS
    assert judge_appearance(images.mean(-1, keepdims=True).astype(np.uint8))[0] is PHOTOGRAPHS


@pytest.mark.parametrize("spec", ["fonts/sans-digits", "fonts/serif-upper", "fonts/mono-lower"])
@pytest.mark.parametrize("invert", [False, True])
def test_glyphs_on_either_ground(spec, invert):
    images = load(spec, size_hint=40).images
    found, why = judge_appearance(255 - images if invert else images)
    assert found is GLYPHS
    assert ("light ground" in why) == invert


def test_one_image_is_enough():
    assert judge_appearance(load("fonts/sans-digits", size_hint=28).images[:1])[0] in (GLYPHS, SHAPES)
