"""Images without labels, written with pseudo-labels; see also tests/cli/test_label.py."""

from __future__ import annotations

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.data.loaders.registry import load
from geosearch.data.writers.npz import NpzWriter
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import InvalidOptionError
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.labelled_dataset import label_dataset


@pytest.fixture
def spec(tmp_path):
    np.savez(tmp_path / "bare.npz", images=blobs("bare", 4, 20, size=12).images)
    return f"npz:{tmp_path}/bare.npz"


def test_what_is_returned_is_what_was_written(spec, tmp_path):
    way = Clusters(4, embedding=Pixels())
    found = label_dataset(spec, (), out=tmp_path / "out", labelling=way, size=12, writer=NpzWriter())
    again = load(f"npz:{tmp_path}/out/out.npz")
    assert found.sizes == tuple(np.bincount(again.labels, minlength=4))
    assert sum(found.sizes) == 80
    assert "k-means, 4 labels" in found.labelled_by
    assert found.text().startswith("bare: 80 images, ")


def test_the_default_needs_anchors(spec, tmp_path):
    with pytest.raises(InvalidOptionError, match="without a labelled set"):
        label_dataset(spec, (), out=tmp_path / "out")
