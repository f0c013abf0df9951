"""SourceClassifier: trained once, read from the cache ever after, in a unit of length that sets can share."""

import numpy as np
import pytest
import torch
from generators.sets import blobs

from geosearch.embeddings import source_classifier as source_net
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.errors import DomainMismatchError
from geosearch.runtime.cache import Cache

NET = SourceClassifier(steps=60, width=4)


@pytest.fixture
def sets():
    return [blobs("a", 4, 30), blobs("b", 3, 25, seed=1, shift=2)]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_the_mean_squared_norm_over_the_sources_is_one(sets, cache):
    encoder = NET.fit(sets, seed=0, cache=cache)
    z = np.concatenate([encoder.encode(each.images) for each in sets])
    assert z.dtype == np.float32
    assert (z**2).sum(1).mean() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.05)


def test_classes_lie_further_apart_than_their_members(sets, cache):
    z = NET.fit(sets, seed=0, cache=cache).encode(sets[0].images)
    means = np.stack([z[sets[0].labels == c].mean(0) for c in range(4)])
    within = ((z - means[sets[0].labels]) ** 2).sum(1).mean()
    between = ((means - means.mean(0)) ** 2).sum(1).mean()
    assert between > 2 * within


def test_a_second_fit_reads_the_cache_and_encodes_alike(sets, cache, monkeypatch):
    first = NET.fit(sets, seed=0, cache=cache)
    monkeypatch.setattr(source_net, "pretrain", lambda *_: pytest.fail("trained again"))
    again = NET.fit(sets, seed=0, cache=cache)
    assert first.key == again.key
    np.testing.assert_array_equal(first.encode(sets[0].images), again.encode(sets[0].images))


def test_the_key_depends_on_sets_options_and_seed(sets, cache):
    fits = [
        NET.fit(sets, seed=0, cache=cache),
        NET.fit(sets, seed=1, cache=cache),
        NET.fit(sets[::-1], seed=0, cache=cache),
        SourceClassifier(steps=61, width=4).fit(sets, seed=0, cache=cache),
        SourceClassifier(steps=60, width=5).fit(sets, seed=0, cache=cache),
    ]
    assert len({encoder.key for encoder in fits}) == len(fits)


def test_sets_of_different_shapes_are_refused(cache):
    with pytest.raises(DomainMismatchError, match="one shape"):
        NET.fit([blobs("a", 3, 5), blobs("b", 3, 5, size=10)], seed=0, cache=cache)


def test_threads_change_no_weight(sets, tmp_path):
    before = torch.get_num_threads()
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(NET.fit(sets, seed=0, cache=Cache(tmp_path / str(count))))
    torch.set_num_threads(before)
    one, two = (encoder.network.state_dict() for encoder in found)
    assert all(torch.equal(one[name], two[name]) for name in one)
