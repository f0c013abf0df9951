"""Images that are turned are of classes of their own; the head that stays scores images as they are."""

from __future__ import annotations

from dataclasses import replace

import torch
from generators.sets import blobs

from geosearch.nn.streams import Pool
from geosearch.nn.train import predict, pretrain
from geosearch.pretraining.rotated_classes import TURNS, RotatedClasses, turn, upright


def test_each_image_is_turned_as_often_as_its_class_says():
    images = torch.rand(8, 3, 5, 5)
    labels = torch.rand(8, 3).softmax(1)
    which = torch.arange(8) % TURNS
    turned, wide = turn(images, labels, which)
    for row, k in enumerate(which.tolist()):
        torch.testing.assert_close(turned[row], torch.rot90(images[row], k, (1, 2)))
        torch.testing.assert_close(wide[row, 3 * k : 3 * k + 3], labels[row])
    torch.testing.assert_close(wide.sum(1), labels.sum(1))


def test_images_as_they_are_keep_their_scores_in_the_smaller_head(recipe):
    network = recipe.network.build(1, 16, TURNS * 3, 0)
    x = torch.rand(4, 1, 16, 16)
    with torch.no_grad():
        scores = network(x)
        torch.testing.assert_close(upright(network, 3)(x), scores[:, :3])


def test_it_tells_the_classes_of_images_as_they_are(recipe):
    known = blobs("near", 6, 30)
    network = pretrain(Pool((known,)), replace(recipe, steps=80, objective=RotatedClasses()), 0)
    wrong = predict(network, known.images).argmax(1) != known.labels
    assert wrong.mean() < 0.4 * (1 - 1 / 6)
