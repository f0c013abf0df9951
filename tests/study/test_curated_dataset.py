"""What a curation found, written out; see also tests/cli/test_curate.py."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.writers.npz import NpzWriter
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import InvalidOptionError
from geosearch.study.curated_dataset import curate_dataset


@pytest.fixture
def spec(tmp_path):
    made = blobs("mine", 4, 24, size=10)
    labels = np.where(np.arange(len(made)) % 8 == 0, (made.labels + 1) % 4, made.labels)
    np.savez(tmp_path / "mine.npz", images=made.images, labels=labels)
    return f"npz:{tmp_path}/mine.npz"


def test_samples_with_weight_are_kept_and_progress_goes_to_the_log(spec, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "geosearch")
    out = tmp_path / "kept"
    found = curate_dataset(spec, task="reweight", embedding=Pixels(), size=10, out=out, writer=NpzWriter())
    assert found.size == 96
    assert 0 < found.kept <= 96
    assert len(np.load(out / "kept.npz")["images"]) == found.kept
    assert any(message.startswith("dataset derivative [") for message in caplog.messages)


def test_extension_needs_a_target(spec, tmp_path):
    with pytest.raises(InvalidOptionError, match="--target"):
        curate_dataset(spec, task="extend", embedding=Pixels(), out=tmp_path / "kept", writer=NpzWriter())
