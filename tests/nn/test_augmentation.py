"""Augmentation does what its options say, and repeats with its random stream."""

import pytest
import torch

from geosearch import seeds
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION, Augmentation

IMAGES = torch.rand(6, 3, 12, 12, generator=seeds.torch_stream(0, "images"))


def stream(seed=0):
    return seeds.torch_stream(seed, "augmentation")


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
