"""A measurement: the distance of two sets on disk, with the noise floor of each."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs
from generators.studies import colored_set

from geosearch.embeddings.pca import PCA
from geosearch.errors import InvalidDataError
from geosearch.transport.label_distances.means import MeanLabels
from geosearch.transport.measurement import measure


@pytest.fixture
def specs(tmp_path):
    for i, name in enumerate("ab"):
        made = blobs(name, 4, 30, seed=i, size=12, shift=5 * i)
        np.savez(tmp_path / f"{name}.npz", images=made.images, labels=made.labels)
    return [f"npz:{tmp_path}/{name}.npz" for name in "ab"]


@pytest.mark.parametrize("options", [{}, {"labels": MeanLabels()}, {"embedding": PCA()}])
def test_different_sets_are_further_apart_than_halves_of_one(specs, options):
    found = measure(*specs, samples=50, size=12, **options)
    assert found.samples == (50, 50)
    assert max(found.self_otdd_a, found.self_otdd_b) < found.otdd
    assert found.otdd == pytest.approx(found.features + found.labels)
    assert "noise floor" in found.text()


def test_the_seed_alone_decides(specs):
    first, again, other = (measure(*specs, samples=40, size=12, seed=seed).otdd for seed in (0, 0, 1))
    assert first == again != other


def test_halves_smaller_than_the_number_of_classes_are_refused(specs):
    with pytest.raises(InvalidDataError, match="give --samples 4 or more"):
        measure(*specs, samples=3, size=12)


def test_color_that_is_dropped_is_warned_of(specs, tmp_path, caplog):
    colored = colored_set(tmp_path / "colored.npz", 0)
    measure(specs[0], colored, samples=40, size=12, channels=3)
    assert caplog.messages == []
    measure(specs[0], colored, samples=40, size=12)
    (warning,) = caplog.messages
    assert warning.startswith("the images of 'colored' are in color, and channels = 1 drops it; give 3 (--channels 3)")
