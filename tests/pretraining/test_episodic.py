"""Episodes have few classes, no image twice, and labels within them; features learned by them tell classes apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.ridge import RidgeHead
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from geosearch.pretraining.episodic import EpisodicPretraining, draw_episodes
from geosearch.pretraining.inner import SVMInner


def numbered(count, classes, size=64):
    """A stream of images that are their own numbers."""
    number = 0
    while number < count:
        rows = np.arange(number, number + size)
        labels = 0.8 * np.eye(classes)[rows % classes] + 0.2 * np.eye(classes)[(rows + 1) % classes]
        yield rows.astype(np.float32)[:, None, None, None], labels.astype(np.float32)
        number += size


def test_an_episode_has_its_classes_in_turn_and_no_image_twice():
    stream = draw_episodes(numbered(10**6, 8), ways=3, support=4, queries=2, rng=np.random.default_rng(0))
    for _ in range(3):
        images, labels = next(stream)
        assert images.shape == (18, 1, 1, 1)
        assert len(np.unique(images)) == 18
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
        assert labels.argmax(1).tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0, 0, 1, 1, 2, 2]
        classes = images.ravel().astype(int) % 8
        assert len(np.unique(classes)) == 3


def test_more_images_are_drawn_for_rare_classes_and_too_few_classes_are_refused():
    images, labels = next(draw_episodes(numbered(10**6, 300), 3, 4, 2, np.random.default_rng(0)))
    assert len(images) == len(labels) == 18
    one = ((x, np.eye(4, dtype=np.float32)[np.zeros(len(x), int)]) for x, _ in numbered(10**6, 4))
    with pytest.raises(DomainMismatchError, match=r"lower recipe\.ways"):
        next(draw_episodes(one, 2, 4, 2, np.random.default_rng(0)))


def test_features_learned_by_episodes_are_better_than_untrained_ones(recipe, shots, test_part):
    pool = Pool((blobs("near", 6, 30),))

    def error(network):
        predictor = RidgeHead().fit(network, shots, 0)
        return float((predictor.predict(test_part.images).argmax(1) != test_part.labels).mean())

    episodic = replace(recipe, steps=40, objective=EpisodicPretraining(ways=4))
    errors = [np.mean([error(pretrain(pool, one, seed)) for seed in range(3)]) for one in (recipe.scaled(0), episodic)]
    assert errors[1] < 0.5 * errors[0]


def test_the_recipe_key_tells_objectives_apart(recipe):
    objectives = (None, EpisodicPretraining(), EpisodicPretraining(ways=4), EpisodicPretraining(SVMInner()))
    assert len({replace(recipe, objective=one).key for one in objectives}) == 4


@pytest.mark.parametrize("bad", [{"ways": 1}, {"support": 0}])
def test_bad_options_are_refused(bad):
    with pytest.raises(InvalidOptionError, match="ways"):
        EpisodicPretraining(**bad)
