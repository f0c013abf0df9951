"""An encoder that recalls the images of whole sets."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.recalling import RecallingEncoder
from geosearch.runtime.cache import Cache


@dataclass
class Counting:
    """Mean and first pixel; keeps how many images it was given."""

    key: str = "counting"
    given: list[int] = field(default_factory=list)

    def encode(self, images: np.ndarray) -> np.ndarray:
        self.given.append(len(images))
        flat = images.reshape(len(images), -1).astype(np.float32)
        return np.stack([flat.mean(1), flat[:, 0]], 1)


@pytest.fixture
def sets() -> list[LabelledSet]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (n, 4, 4, 3)).astype(np.uint8) for n in (5, 7)]
    return [LabelledSet.from_arrays(one, np.arange(len(one)) % 2, name=str(len(one))) for one in images]


def test_images_of_the_sets_are_encoded_once_wherever_they_turn_up(sets: list[LabelledSet], cache: Cache) -> None:
    counting = Counting()
    encoder = RecallingEncoder.of(counting, sets, cache)
    new = np.zeros((2, 4, 4, 3), np.uint8)
    asked = np.concatenate([sets[1].images[[6, 0]], new, sets[0].images[[4]]])
    assert np.array_equal(encoder.encode(asked), Counting().encode(asked))
    assert np.array_equal(encoder.encode(sets[0].images), Counting().encode(sets[0].images))
    assert np.array_equal(encoder.encode(new), Counting().encode(new))
    assert counting.given == [5, 7, 2, 2]  # the sets, and what is new


def test_the_features_of_a_set_are_kept(sets: list[LabelledSet], cache: Cache) -> None:
    counting = Counting()
    for _ in range(2):
        encoder = RecallingEncoder.of(counting, sets, cache)
    assert counting.given == [5, 7]
    assert len(pickle.dumps(encoder)) < 1000  # other processes read the features for themselves
    assert encoder.key == counting.key
    RecallingEncoder.of(other := Counting("other"), sets, cache)
    assert other.given == [5, 7]


def test_where_the_cache_lacks_a_set_its_images_are_encoded_again(sets: list[LabelledSet], cache: Cache) -> None:
    counting = Counting()
    encoder = RecallingEncoder.of(counting, sets, cache)
    cache.path("features", encoder.keys[0]).unlink()
    asked = np.concatenate([sets[0].images, sets[1].images])
    assert np.array_equal(encoder.encode(asked), Counting().encode(asked))
    assert counting.given == [5, 7, 5]


def test_features_known_from_elsewhere_are_recalled_whatever_the_labels(sets: list[LabelledSet], cache: Cache) -> None:
    counting, known = Counting(), np.arange(14, dtype=np.float16).reshape(7, 2)
    RecallingEncoder.keep(counting.key, sets[1].images, known, cache)
    relabelled = LabelledSet.from_arrays(sets[1].images, (np.arange(7) + 1) % 2, name="again")
    encoder = RecallingEncoder.of(counting, [sets[0], relabelled], cache)
    assert counting.given == [5]
    found = encoder.encode(sets[1].images[[6, 0]])
    assert found.dtype == np.float32
    assert np.array_equal(found, known[[6, 0]])
