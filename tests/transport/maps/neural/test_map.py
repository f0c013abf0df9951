"""A neural map keeps the contract of maps, is resumed bit for bit, fails with a remedy, and comes near the source."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import PixelEncoder, Pixels
from geosearch.errors import DomainMismatchError, InvalidDataError, InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.runtime.arrays import read_checked_arrays, write_checked_arrays
from geosearch.runtime.cache import Cache
from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps.base import Pair
from geosearch.transport.maps.neural.cost import make_pixel_cost
from geosearch.transport.maps.neural.map import Neural
from geosearch.transport.maps.neural.networks import build
from geosearch.transport.maps.neural.training import CURVES, MapTraining

TINY = Neural(
    steps=8,
    batch=16,
    width=4,
    potential_width=4,
    classifier=Recipe(SmallConv(4), 20, batch=16, augmentation=NO_AUGMENTATION),
    checkpoint_every=3,
)


def pair_of(reference: LabelledSet, source: LabelledSet, **options) -> Pair:
    encoder = options.pop("encoder", PixelEncoder())
    features = [encoder.encode(each.images) for each in (reference, source)]
    groups = [
        [rows[each.labels == label] for label in range(len(each.classes))]
        for rows, each in zip(features, (reference, source), strict=True)
    ]
    return Pair(reference, source, encoder, GaussianLabels().table(*groups), **options)


def coloured(data: LabelledSet) -> LabelledSet:
    images = np.concatenate([data.images, data.images // 2, 255 - data.images], axis=3)
    return LabelledSet.from_arrays(images, data.labels, name=data.name)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return pair_of(blobs("target", 3, 20), blobs("source", 4, 20, seed=1, shift=10))


def checkpoints(cache: Cache) -> list:
    return list(cache.folder.rglob("*.checkpoint.safetensors"))


def same(a, b) -> bool:
    one, other = a.state(), b.state()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def interrupted(monkeypatch, pair: Pair, cache: Cache, *, after: int) -> None:
    """Start a fit and break it off before step `after`."""
    advance = MapTraining._advance

    def stopping(self):
        if self.step == after:
            raise KeyboardInterrupt
        advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(MapTraining, "_advance", stopping)
        with pytest.raises(KeyboardInterrupt):
            TINY.fit(pair, seed=3, cache=cache)


@pytest.mark.parametrize("kind", ["grey", "colour", "9 px"])
def test_pushes_have_the_shapes_and_types_of_the_contract(kind, cache):
    target = blobs("target", 3, 10, size=9 if kind == "9 px" else 8)
    source = blobs("source", 4, 10, seed=1, shift=10, size=9 if kind == "9 px" else 8)
    if kind == "colour":
        target, source = coloured(target), coloured(source)
    fitted = TINY.fit(pair_of(target, source), seed=0, cache=cache)
    fresh = target.images[:7][::-1]
    pushed = fitted(fresh, target.labels[:7])
    assert (pushed.images.shape, pushed.images.dtype) == (fresh.shape, np.uint8)
    assert (pushed.labels.shape, pushed.labels.dtype) == ((7, 4), np.float32)
    np.testing.assert_allclose(pushed.labels.sum(1), 1, atol=1e-5)
    assert fitted.replicas == 1
    assert np.isfinite(fitted.otdd)
    assert fitted.otdd >= 0
    assert "all 8 steps" in fitted.message
    assert "beyond the reference go through the trained network" in fitted.message
    assert set(fitted.curves) == set(CURVES)
    assert fitted.curves["step"].tolist() == list(range(8))
    assert all(np.isfinite(curve).all() for curve in fitted.curves.values())
    assert fitted(fresh[:0], target.labels[:0]).labels.shape == (0, 4)
    with pytest.raises(InvalidOptionError, match="replica 0"):
        fitted(fresh, target.labels[:7], replica=1)


def test_equal_seeds_give_equal_maps_and_the_global_generators_are_not_touched(pair, tmp_path):
    torch.manual_seed(5)
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = TINY.fit(pair, seed=3, cache=Cache(tmp_path / "a"))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(before_numpy, np.random.get_state()[1])  # noqa: NPY002
    torch.manual_seed(6)
    assert same(first, TINY.fit(pair, seed=3, cache=Cache(tmp_path / "b")))
    assert not same(first, TINY.fit(pair, seed=4, cache=Cache(tmp_path / "a")))


def test_an_interrupted_fit_goes_on_to_the_same_map(monkeypatch, pair, cache, tmp_path):
    whole = TINY.fit(pair, seed=3, cache=Cache(tmp_path / "whole"))
    interrupted(monkeypatch, pair, cache, after=7)
    assert len(checkpoints(cache)) == 1
    with monkeypatch.context() as patch:  # the classifier comes from the checkpoint
        patch.setattr("geosearch.transport.maps.neural.map.pretrain", None)
        resumed = TINY.fit(pair, seed=3, cache=cache)
    assert same(whole, resumed)
    assert not checkpoints(cache)


@pytest.mark.parametrize("damage", ["cut", "another network's"])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(damage, monkeypatch, pair, cache, tmp_path, caplog):
    whole = TINY.fit(pair, seed=3, cache=Cache(tmp_path / "whole"))
    interrupted(monkeypatch, pair, cache, after=7)
    (path,) = checkpoints(cache)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        arrays = {name: array.copy() for name, array in read_checked_arrays(path).items() if name != "map.last.weight"}
        write_checked_arrays(path, arrays)
    assert same(whole, TINY.fit(pair, seed=3, cache=cache))
    assert "is damaged" in caplog.text
    assert not checkpoints(cache)


def test_another_seed_set_or_option_does_not_go_on_from_a_checkpoint(monkeypatch, pair, cache):
    keys = {
        TINY._key(pair, 0),
        TINY._key(pair, 1),
        replace(TINY, learning_rate=1e-4)._key(pair, 0),
        replace(TINY, classifier=Recipe(SmallConv(4), 21))._key(pair, 0),
        TINY._key(replace(pair, label_weight=2.0), 0),
        TINY._key(replace(pair, source=pair.reference), 0),
    }
    assert len(keys) == 6
    assert replace(TINY, checkpoint_every=5)._key(pair, 0) == TINY._key(pair, 0)


def test_restored_maps_push_alike(pair, cache):
    fitted = TINY.fit(pair, seed=0, cache=cache)
    state = fitted.state()
    allowed = {np.dtype(kind) for kind in ("uint8", "int64", "int32", "float32", "float64", "bool")}
    assert {array.dtype for array in state.values()} <= allowed
    stored = cache.arrays("maps", "key", lambda: state)
    restored = TINY.restore(pair, stored)
    for mine, theirs in zip(
        vars(fitted(pair.reference.images, pair.reference.labels)).values(),
        vars(restored(pair.reference.images, pair.reference.labels)).values(),
        strict=True,
    ):
        assert np.array_equal(mine, theirs)
    assert (restored.otdd, restored.message) == (fitted.otdd, fitted.message)


def test_the_reported_cost_is_in_the_units_of_the_encoder(pair, cache):
    encoder = PCA(dims=5).fit([pair.reference, pair.source], seed=0, cache=cache)
    other = pair_of(pair.reference, pair.source, encoder=encoder, feature_weight=1.0, label_weight=0.0)
    fitted = TINY.fit(other, seed=0, cache=cache)
    pushed = fitted(pair.reference.images, pair.reference.labels)
    moved = encoder.encode(pair.reference.images) - encoder.encode(pushed.images)
    assert fitted.otdd == pytest.approx(np.square(moved).sum(1).mean(), rel=1e-5)


def test_the_unit_is_the_mean_cost_of_a_random_pair(pair):
    pixel_cost = make_pixel_cost(replace(pair, feature_weight=2.0, label_weight=0.5), torch.device("cpu"))
    x, x2 = (Pixels().fit([each], seed=0, cache=None).encode(each.images) for each in (pair.reference, pair.source))
    features = np.square(x[:, None] - x2[None]).sum(2).mean()
    groups = [
        [rows[each.labels == c] for c in range(len(each.classes))]
        for rows, each in zip((x, x2), (pair.reference, pair.source), strict=True)
    ]
    labels = GaussianLabels(debiased=False).table(*groups)[pair.reference.labels][:, pair.source.labels].mean()
    assert pixel_cost.unit == pytest.approx(2 * features + 0.5 * labels, rel=1e-4)


def test_classes_without_rows_are_no_hindrance(pair, cache):
    reference = pair.reference.take(np.flatnonzero(pair.reference.labels != 0))
    source = pair.source.take(np.flatnonzero(pair.source.labels != 2))
    fitted = TINY.fit(pair_of(reference, source), seed=0, cache=cache)
    assert np.isfinite(fitted.otdd)
    assert not fitted(pair.reference.images, pair.reference.labels).labels[:, 2].any()


def test_training_brings_the_target_to_the_source(cache):
    target, source = blobs("target", 3, 60), blobs("source", 3, 60, seed=1, shift=20)
    neural = replace(TINY, steps=100, batch=32, width=8, potential_width=8, checkpoint_every=1000)
    fitted = neural.fit(pair_of(target, source), seed=0, cache=cache)
    new, held_out = blobs("target", 3, 40, seed=7), blobs("source", 3, 40, seed=8, shift=20)
    pushed = fitted(new.images, new.labels)
    moved = LabelledSet(pushed.images, pushed.labels.argmax(1), source.classes, "moved")
    floor = otdd(blobs("source", 3, 40, seed=9, shift=20), held_out).value
    before, after = otdd(new, held_out).value, otdd(moved, held_out).value
    assert after - floor < 0.5 * (before - floor)


def test_divergence_is_told_with_the_remedy(pair, cache):
    with pytest.raises(TrainingFailedError, match=r"diverged at step \d+ of 60.*lower learning_rate \(now 50\)"):
        replace(TINY, learning_rate=50.0, steps=60).fit(pair, seed=0, cache=cache)
    assert not checkpoints(cache)


@pytest.mark.parametrize(("shape", "classes"), [((8, 8, 1), (2, 3)), ((9, 13, 3), (4, 2)), ((28, 28, 1), (10, 47))])
def test_networks_of_any_size_start_at_the_identity(shape, classes):
    map_network, potential = build(shape, classes, (4, 6), seed=0)
    images, labels = torch.rand(5, shape[2], *shape[:2]), torch.arange(5) % classes[0]
    assert torch.equal(map_network(images, labels), images)
    soft = torch.full((5, classes[1]), 1 / classes[1])
    assert potential(images, soft).shape == (5,)
    map_network.last.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    moved = map_network(images, labels).detach()
    assert moved.shape == images.shape
    assert 0 <= moved.min() < moved.max() <= 1
    assert not torch.equal(map_network(images, (labels + 1) % classes[0]), moved)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"map_steps": 0}, "map_steps must be at least 1"),
        ({"width": 0}, "width must be at least 1"),
        ({"batch": 1}, "batch must be at least 2"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"gradient_penalty": -1.0}, "gradient_penalty must be at least 0"),
        ({"average": 1.0}, r"average must lie in \[0, 1\)"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1"),
        ({"device": "tpu"}, "'cpu', 'cuda' or 'auto'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        Neural(**options)


def test_pairs_that_cannot_be_mapped_are_refused(pair, cache):
    with pytest.raises(DomainMismatchError, match="harmonize"):
        TINY.fit(replace(pair, source=blobs("source", 4, 5, size=9)), seed=0, cache=cache)
    small = LabelledSet(pair.reference.images[:, :6, :6], pair.reference.labels, pair.reference.classes, "small")
    with pytest.raises(DomainMismatchError, match="at least 8 px"):
        TINY.fit(replace(pair, reference=small, source=small), seed=0, cache=cache)
    with pytest.raises(InvalidDataError, match="label table"):
        TINY.fit(replace(pair, table=np.full_like(pair.table, np.nan)), seed=0, cache=cache)


def test_the_paper_size_is_a_valid_choice():
    assert Neural.paper().steps >= 10_000
    assert Neural.paper().width >= 64
