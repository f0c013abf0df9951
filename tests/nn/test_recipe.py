"""A recipe has a key of everything in it; augmentation is what it says, and repeats with its stream."""

from dataclasses import replace

import pytest
import torch

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.early_stopping import EarlyStop
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import NO_AUGMENTATION, Augmentation, Constant, OneCycle, Recipe
from geosearch.nn.weight_averaging import ExponentialAverage, TailAverage

IMAGES = torch.rand(6, 3, 12, 12, generator=seeds.torch_stream(0, "images"))


def stream(seed=0):
    return seeds.torch_stream(seed, "augmentation")


def test_every_field_is_part_of_the_key():
    recipe = Recipe()
    others = [
        replace(recipe, network=SmallConv(9)),
        recipe.scaled(7),
        replace(recipe, batch=7),
        replace(recipe, learning_rate=0.5),
        replace(recipe, weight_decay=0.5),
        replace(recipe, label_smoothing=0.5),
        replace(recipe, augmentation=Augmentation(flip=True)),
        replace(recipe, schedule=Constant()),
        replace(recipe, schedule=OneCycle(0.3)),
        replace(recipe, augmentation=Augmentation(crop=0.2)),
        replace(recipe, augmentation=Augmentation(recolour=0.2)),
        replace(recipe, averaging=TailAverage()),
        replace(recipe, averaging=ExponentialAverage()),
        replace(recipe, averaging=TailAverage(0.5)),
        replace(recipe, early_stop=EarlyStop()),
        replace(recipe, precision="bfloat16"),
        replace(recipe, compiled=True),
    ]
    keys = {each.key for each in [recipe, *others]}
    assert len(keys) == len(others) + 1
    assert Recipe().key == recipe.key
    said = replace(recipe, averaging=TailAverage(), early_stop=EarlyStop(), precision="bfloat16", compiled=True)
    assert set(said.facts) - {"type"} == set(vars(recipe))


def test_fields_that_came_later_leave_the_keys_of_older_results_as_they_were():
    assert Recipe().key == "826a9c9545b252fbaa9b"
    assert Recipe(steps=7, schedule=Constant()).key == "a27e4a10a78e9b8b4a8f"
    assert Recipe(augmentation=Augmentation(flip=True)).key == "648e14dd9b59449df6ca"
    assert not {"averaging", "early_stop", "precision", "compiled"} & set(Recipe().facts)


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": -1},
        {"batch": 1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"label_smoothing": 1.0},
        {"precision": "float16"},
    ],
)
def test_impossible_recipes_are_refused(fields):
    with pytest.raises(InvalidOptionError, match="recipe needs"):
        Recipe(**fields)


@pytest.mark.parametrize("fields", [{"scale": 1.0}, {"crop": 1.0}, {"crop": -0.1}, {"rotate": -1.0}, {"recolour": 1.1}])
def test_impossible_augmentations_are_refused(fields):
    with pytest.raises(InvalidOptionError, match="out of range"):
        Augmentation(**fields)


def test_no_augmentation_is_the_identity_and_so_is_an_affine_map_of_size_nought():
    assert torch.equal(NO_AUGMENTATION(IMAGES, stream()), IMAGES)
    tiny = Augmentation(rotate=1e-6, scale=0.0, translate=0.0)
    torch.testing.assert_close(tiny(IMAGES, stream()), IMAGES, atol=1e-4, rtol=0)


def test_equal_streams_give_equal_images_and_values_stay_in_range():
    augmentation = Augmentation(30, 0.3, 0.2, flip=True)
    first, again, other = (augmentation(IMAGES, stream(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 1


def test_flip_mirrors_some_images_exactly():
    flipped = Augmentation(0.0, 0.0, 0.0, flip=True)(IMAGES, stream())
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(flipped, IMAGES, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(flipped, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert any(same)
    assert any(mirrored)


def test_a_dot_is_shifted_by_no_more_than_was_allowed():
    dots = torch.zeros(200, 1, 21, 21)
    dots[:, :, 10, 10] = 1
    moved = Augmentation(0.0, 0.0, 0.2)(dots, stream())
    weight = moved.sum((1, 2, 3))
    places = (moved.sum((1, 2)) * torch.arange(21)).sum(1) / weight
    assert (places - 10).abs().max() <= 0.2 * 21 + 1e-3
    assert (places - 10).abs().max() > 0.15 * 21


def test_a_crop_is_a_part_of_the_frame_brought_back_to_size():
    ramps = torch.linspace(0, 1, 32).expand(300, 1, 32, 32).clone()  # the grey level is the column
    cropped = Augmentation(0.0, 0.0, 0.0, crop=0.4)(ramps, stream())
    assert cropped.shape == ramps.shape
    left, right = cropped[:, 0, 16, 1], cropped[:, 0, 16, -2]
    side = (right - left) / (ramps[0, 0, 16, -2] - ramps[0, 0, 16, 1])
    assert side.min() == pytest.approx(0.6, abs=0.02)
    assert side.max() == pytest.approx(1.0, abs=0.02)
    assert left.max() == pytest.approx(0.4, abs=0.06)  # the furthest a square of 0.6 can go to the right
    torch.testing.assert_close(cropped[:, 0, 3], cropped[:, 0, 28], atol=1e-4, rtol=0)


def test_a_crop_leaves_the_other_draws_as_they_are():
    torch.testing.assert_close(
        Augmentation(crop=1e-6)(IMAGES, stream()), Augmentation()(IMAGES, stream()), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("recolour", [0.3, 1.0])
def test_recoloured_images_have_a_black_and_a_white_of_their_own_in_every_channel(recolour, channels):
    ramps = torch.linspace(0, 1, 5).expand(400, channels, 3, 5)
    coloured = Augmentation(0.0, 0.0, 0.0, recolour=recolour)(ramps, stream())
    black, white = coloured[:, :, 0, 0], coloured[:, :, 0, -1]
    torch.testing.assert_close(coloured.diff(dim=3), ((white - black) / 4)[:, :, None, None].expand(-1, -1, 3, 4))
    for moved in (black, 1 - white):
        assert moved.min() >= 0
        assert recolour * 0.95 < moved.max() <= recolour
    assert bool((black > white).any()) == (recolour > 0.5)
    assert len(black.unique(dim=1).T) == channels


def test_new_colours_leave_the_other_draws_as_they_are():
    both, moved = Augmentation(crop=0.1, recolour=1e-6), Augmentation(crop=0.1)
    torch.testing.assert_close(both(IMAGES, stream()), moved(IMAGES, stream()), atol=1e-5, rtol=0)


@pytest.mark.parametrize("schedule", [OneCycle(), OneCycle(0.5), Constant()])
@pytest.mark.parametrize("steps", [1, 2, 100])
def test_schedules_stay_within_the_peak(schedule, steps):
    factors = [schedule.factor(step, steps) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)


def test_one_cycle_rises_then_falls():
    factors = [OneCycle(0.2).factor(step, 100) for step in range(100)]
    peak = factors.index(max(factors))
    assert 15 <= peak <= 25
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[-1] < 0.01
