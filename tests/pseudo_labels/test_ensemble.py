"""EnsembleLabelling: labels from a pretrained network, trained once and read from the cache ever after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.ridge import RidgeHead
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.anchors import Anchors, build_anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.backbones import Backbone
from geosearch.nn.networks import SmallConv
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import predict
from geosearch.pseudo_labels import ensemble
from geosearch.pseudo_labels.ensemble import EnsembleLabelling
from geosearch.runtime.cache import Cache

LABELLING = EnsembleLabelling(Recipe(network=SmallConv(8), steps=60), Recipe(steps=40, batch=20))


@pytest.fixture
def anchors(tmp_path) -> Anchors:
    sources = [blobs("a", 4, 20), blobs("b", 3, 20, seed=1, shift=2)]
    return build_anchors(blobs("t", 3, 20, seed=2), sources, PixelEncoder(), cache=Cache(tmp_path))


@pytest.fixture
def mixture(anchors) -> Mixture:
    return Mixture(anchors, Weights.of([0.5, 0.5], concentration=2.0))


def test_labels_are_mostly_right_and_better_than_chance(mixture, tmp_path):
    unlabelled = blobs("t", 3, 30, seed=5)
    labels = LABELLING.train_member(mixture, blobs("t", 3, 5, seed=3), seed=0, cache=Cache(tmp_path))(unlabelled.images)
    assert labels.shape == (90,)
    assert labels.dtype == np.int64
    assert (labels == unlabelled.labels).mean() > 0.8


def test_members_whose_pretrained_features_are_kept_label_again_from_the_cache(tmp_path):
    def colored(*arguments, **options):
        one = blobs(*arguments, **options)
        return replace(one, images=one.images.repeat(3, axis=3))

    sources = [colored("a", 4, 20), colored("b", 3, 20, seed=1)]
    anchors = build_anchors(colored("t", 3, 20, seed=2), sources, PixelEncoder(), cache=Cache(tmp_path))
    mixture = Mixture(anchors, Weights.of([0.5, 0.5], concentration=2.0))
    network = PretrainedArchitecture(Backbone("torchvision:resnet18", "random", size=32), "last", "both")
    labelling = EnsembleLabelling(Recipe(network=network, steps=2, batch=8), Recipe(steps=2, batch=8))
    shots, cache = colored("t", 3, 5, seed=3), Cache(tmp_path)
    first, again = (labelling.train_member(mixture, shots, seed=0, cache=cache)(shots.images) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_second_time_nothing_is_trained(mixture, tmp_path, monkeypatch):
    shots, images = blobs("t", 3, 5, seed=3), blobs("t", 3, 30, seed=5).images
    first = LABELLING.train_member(mixture, shots, seed=0, cache=Cache(tmp_path))(images)
    monkeypatch.setattr(ensemble, "pretrain", None)
    again = LABELLING.train_member(mixture, shots, seed=0, cache=Cache(tmp_path))(images)
    assert (first == again).all()


def test_everything_it_depends_on_is_in_its_key(mixture, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(ensemble, "pretrain", lambda *a, **k: trained.append(1) or pretrained(*a, **k))
    pretrained = __import__("geosearch.nn.train", fromlist=["pretrain"]).pretrain
    shots, cache = blobs("t", 3, 5, seed=3), Cache(tmp_path)
    quick = replace(LABELLING, recipe=LABELLING.recipe.scaled(2))
    quick.train_member(mixture, shots, seed=0, cache=cache)
    quick.train_member(mixture, shots, seed=1, cache=cache)
    quick.train_member(mixture, shots.take(np.arange(0, 15, 2)), seed=0, cache=cache)
    replace(quick, recipe=quick.recipe.scaled(3)).train_member(mixture, shots, seed=0, cache=cache)
    replace(quick, head=quick.head.scaled(3)).train_member(mixture, shots, seed=0, cache=cache)
    assert len(trained) == 5


def test_the_best_of_several_tells_the_shots_apart_best(anchors, mixture, tmp_path):
    """A network that has seen nothing of the target loses to one that was pretrained on something like it."""
    noise = blobs("noise", 2, 20, seed=9, shift=5)
    bare = build_anchors(blobs("t", 3, 20, seed=2), [noise, noise], PixelEncoder(), cache=Cache(tmp_path))
    poor, shots = Mixture(bare, Weights.of([1.0, 0.0])), blobs("t", 3, 5, seed=3)
    cache, images = Cache(tmp_path), blobs("t", 3, 30, seed=5).images
    found = [LABELLING.train_member(one, shots, seed=0, cache=cache) for one in (poor, mixture)]
    errors = [RidgeHead().score(one.network, shots, 0).squared_error for one in found]
    for order in ([poor, mixture], [mixture, poor]):
        best = LABELLING.fit(order, shots, images, seed=0, cache=cache)
        assert (best(images) == found[int(np.argmin(errors))](images)).all()
    assert errors[0] != errors[1]


def test_a_single_shot_of_a_class_takes_the_first_mixture(mixture, anchors, tmp_path):
    single, other = blobs("t", 3, 1, seed=3), Mixture(anchors, Weights.single(0, 2))
    images = blobs("t", 3, 30, seed=5).images
    for order in ([mixture, other], [other, mixture]):
        best = LABELLING.fit(order, single, images, seed=0, cache=Cache(tmp_path))(images)
        assert (best == LABELLING.train_member(order[0], single, seed=0, cache=Cache(tmp_path))(images)).all()


def test_with_single_shots_all_networks_label(mixture, anchors, tmp_path):
    single, cache = blobs("t", 3, 1, seed=3), Cache(tmp_path)
    mixtures = [Mixture(anchors, Weights.single(0, 2)), Mixture(anchors, Weights.single(1, 2)), mixture]
    images, two = blobs("t", 3, 30, seed=5).images, replace(LABELLING, members=2)
    found = [two.fit(order, single, images, seed=0, cache=cache) for order in (mixtures, mixtures[::-1])]
    assert [len(one.networks) for one in found] == [3, 3]
    np.testing.assert_array_equal(found[0](images), found[1](images))


def test_networks_are_trained_where_the_study_says(mixture, tmp_path, monkeypatch):
    places = []
    for name in ("pretrain", "train_head"):
        train = getattr(ensemble, name)
        monkeypatch.setattr(
            ensemble, name, lambda *args, device, train=train: places.append(device) or train(*args, device="cpu")
        )
    shots = blobs("t", 3, 5, seed=3)
    replace(LABELLING, device="cuda").train_member(mixture, shots, seed=0, cache=Cache(tmp_path))
    assert places == ["cuda", "cuda"]


def test_an_ensemble_labels_by_the_mean_of_its_best_members(mixture, anchors, tmp_path):
    shots, images, cache = blobs("t", 3, 5, seed=3), blobs("t", 3, 30, seed=5).images, Cache(tmp_path)
    mixtures = [Mixture(anchors, weights) for weights in (Weights.single(0, 2), Weights.single(1, 2))] + [mixture]
    alone = [LABELLING.train_member(one, shots, seed=0, cache=cache).network for one in mixtures]
    ranked = sorted(alone, key=lambda network: RidgeHead().score(network, shots, 0).squared_error)
    two = replace(LABELLING, members=2).fit(mixtures, shots, images, seed=0, cache=cache)
    expected = np.mean([predict(network, images) for network in ranked[:2]], axis=0).argmax(1)
    np.testing.assert_array_equal(two(images), expected)
    assert two(images).dtype == np.int64


def test_balanced_labels_are_spread_more_evenly_over_the_classes(mixture, tmp_path):
    """The images are noise, so what the network takes them for is one class rather than another by accident."""
    shots, images = blobs("t", 3, 5, seed=3), blobs("noise", 3, 30, seed=8, shift=3).images
    counts = {}
    for balance in (0.0, 0.5, 1.0):
        labeller = replace(LABELLING, balance=balance).fit([mixture], shots, images, seed=0, cache=Cache(tmp_path))
        counts[balance] = np.bincount(labeller(images), minlength=3)
    assert counts[0.0].std() > counts[0.5].std() > counts[1.0].std()
