"""Condensed sets: as many images as asked for, nearer to the mixture than where they began, fit for training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.errors import InvalidOptionError
from geosearch.mixture.distillation import Condensation, group_by_top_label, sample_rows
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool, draw_images
from geosearch.nn.train import predict, pretrain

POOL = Pool((blobs("a", 3, 40, size=12), blobs("b", 2, 40, seed=1, size=12, shift=5)))


def condense(**options: object):
    return Condensation(**{"per_class": 2, "steps": 3, "network": SmallConv(4), **options}).learn(POOL, 300, 0)


def test_every_class_gets_its_images_and_its_mean_label() -> None:
    found = condense()
    assert found.images.shape == (10, 1, 12, 12)
    assert found.image_shape == (12, 12, 1)
    assert found.class_names == ("a/0", "a/1", "a/2", "b/0", "b/1")
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert found.labels == pytest.approx(np.repeat(np.eye(5), 2, axis=0))
    again = condense()
    assert (again.images == found.images).all()


def test_a_class_with_fewer_images_than_asked_for_repeats_them() -> None:
    rows = sample_rows([np.array([4, 7]), np.arange(10, 20)], 3, np.random.default_rng(0))
    assert set(rows[0].tolist()) == {4, 7}
    assert [len(part) for part in rows] == [3, 3]
    assert len(set(rows[1].tolist())) == 3


def test_learned_images_come_nearer_to_the_mixture_in_networks_they_never_met() -> None:
    """The first images of each class are where it starts; the distance is that of class means of features."""
    learned = condense(per_class=1, steps=150, augmentation=NO_AUGMENTATION, network=SmallConv(8))
    start = condense(per_class=1, steps=1, learning_rate=1e-9, augmentation=NO_AUGMENTATION)
    images, labels = draw_images(POOL, 400, np.random.default_rng(9))
    groups = group_by_top_label(labels)

    def gap(condensed: np.ndarray) -> float:
        total = 0.0
        for seed in range(5):
            network = SmallConv(8).build(1, 12, 1, 1000 + seed).train()
            with torch.no_grad():
                z = network.features(torch.from_numpy(np.concatenate([condensed, images]))).numpy()
            real = z[len(condensed) :]
            total += sum(((z[i] - real[rows].mean(0)) ** 2).sum() for i, rows in enumerate(groups))
        return total

    assert gap(learned.images) < 0.75 * gap(start.images)


def test_a_network_learns_from_them() -> None:
    found = condense(per_class=3, steps=40)
    network = pretrain(found, Recipe(network=SmallConv(8), steps=60, batch=15, augmentation=NO_AUGMENTATION), 0)
    data = POOL.sets[0]
    assert (predict(network, data.images)[:, :3].argmax(1) == data.labels).mean() > 0.8


@pytest.mark.parametrize("options", [{"per_class": 0}, {"steps": 0}, {"classes": 0}, {"real": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidOptionError, match="Condensation needs"):
        Condensation(**options)
