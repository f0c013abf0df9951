"""What every map promises, whatever it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from generators.maps import pair_of
from generators.sets import blobs

from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache
from geosearch.transport.maps.barycentric import Barycentric
from geosearch.transport.maps.base import FittedMap, Map, Pair
from geosearch.transport.maps.entropic import Entropic
from geosearch.transport.maps.neural.map import Neural
from geosearch.transport.solvers.sinkhorn import Sinkhorn

MAPS: dict[str, Map] = {
    "barycentric": Barycentric(),
    "barycentric, entropic plan": Barycentric(Sinkhorn()),
    "entropic": Entropic(),
    "neural": Neural(steps=6, map_steps=1, width=4, potential_width=4, classifier=Recipe(SmallConv(4), 20)),
}


@pytest.fixture(scope="module", params=MAPS)
def case(request, tmp_path_factory) -> tuple[Map, Pair, FittedMap]:
    pair = pair_of()
    option = MAPS[request.param]
    return option, pair, option.fit(pair, seed=0, cache=Cache(tmp_path_factory.mktemp("maps")))


def test_images_and_soft_labels_have_their_shapes(case):
    _, pair, fitted = case
    for replica in range(fitted.replicas):
        pushed = fitted(pair.reference.images, pair.reference.labels, replica=replica)
        assert pushed.images.dtype == np.uint8
        assert pushed.images.shape == pair.reference.images.shape
        assert pushed.labels.dtype == np.float32
        assert pushed.labels.shape == (len(pair.reference), len(pair.source.classes))
        np.testing.assert_allclose(pushed.labels.sum(axis=1), 1, atol=1e-5)
        assert pushed.labels.min() >= 0


def test_new_target_images_are_mapped_too(case):
    _, _, fitted = case
    new = blobs("target", 4, 9, seed=77)
    pushed = fitted(new.images, new.labels)
    assert pushed.images.shape == new.images.shape
    np.testing.assert_allclose(pushed.labels.sum(axis=1), 1, atol=1e-5)


def test_a_batch_is_its_rows(case):
    _, pair, fitted = case
    images, labels = pair.reference.images, pair.reference.labels
    whole, part = fitted(images, labels), fitted(images[5:9], labels[5:9])
    assert np.abs(whole.images[5:9].astype(int) - part.images).max() <= 1
    np.testing.assert_allclose(whole.labels[5:9], part.labels, atol=1e-3)


def test_an_equal_fit_is_an_equal_map(case, tmp_path):
    option, pair, fitted = case
    again = option.fit(pair, seed=0, cache=Cache(tmp_path))
    images, labels = pair.reference.images, pair.reference.labels
    np.testing.assert_array_equal(fitted(images, labels).images, again(images, labels).images)
    assert fitted.otdd == again.otdd


def test_its_state_restores_it(case):
    option, pair, fitted = case
    state = fitted.state()
    assert {array.dtype.name for array in state.values()} <= {"uint8", "int64", "int32", "float32", "float64", "bool"}
    again = option.restore(pair, state)
    new = blobs("target", 4, 3, seed=78)
    for images, labels in ((pair.reference.images, pair.reference.labels), (new.images, new.labels)):
        one, other = fitted(images, labels), again(images, labels)
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert (again.otdd, again.replicas, again.message) == (fitted.otdd, fitted.replicas, fitted.message)
    assert {name: list(values) for name, values in again.curves.items()} == {
        name: list(values) for name, values in fitted.curves.items()
    }


def test_it_says_how_it_ended_and_what_it_costs(case):
    _, _, fitted = case
    assert np.isfinite(fitted.otdd)
    assert fitted.otdd > 0
    assert len(fitted.message) > 20
