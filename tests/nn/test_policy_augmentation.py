"""Automatic augmentations are torchvision's, image by image, then mirroring and colors."""

import pytest
import torch
from torchvision.transforms import v2

from geosearch import seeds
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.policy_augmentation import PolicyAugmentation

IMAGES = torch.rand(6, 3, 12, 12, generator=seeds.torch_stream(0, "images"))


def stream():
    return seeds.torch_stream(0, "augmentation")


@pytest.mark.parametrize(
    ("policy", "transform"), [("trivial", v2.TrivialAugmentWide()), ("rand", v2.RandAugment()), ("augmix", v2.AugMix())]
)
def test_the_images_are_those_of_torchvision_seeded_with_the_first_number_of_the_stream(policy, transform):
    torch.manual_seed(int(torch.randint(2**62, (), generator=stream())))
    expected = torch.stack([transform(image) for image in (IMAGES * 255).round().byte()]) / 255
    torch.testing.assert_close(PolicyAugmentation(policy)(IMAGES, stream()), expected)


def test_images_are_changed_one_by_one():
    same = PolicyAugmentation("trivial")(IMAGES[:1].expand(20, -1, -1, -1), stream())
    assert len(torch.unique(same, dim=0)) > 10


def test_mirroring_and_new_colours_follow():
    generator = stream()
    plain = PolicyAugmentation("rand")(IMAGES, generator)
    expected = Augmentation(0.0, 0.0, 0.0, flip=True, recolour=1.0)(plain, generator)
    assert torch.equal(PolicyAugmentation("rand", flip=True, recolour=1.0)(IMAGES, stream()), expected)
