"""Images without labels, written with pseudo-labels; see also tests/cli/test_label.py."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from generators.sets import blobs
from generators.studies import colored_set
from PIL import Image

from geosearch.data.loaders.registry import load
from geosearch.data.writers.image_folder import ImageFolderWriter
from geosearch.data.writers.npz import NpzWriter
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.pseudo_labels.clusters import Clusters
from geosearch.pseudo_labels.g2l import G2L
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


@pytest.mark.parametrize("writer", [ImageFolderWriter(), NpzWriter()])
def test_the_file_of_each_image_is_listed(tmp_path, writer):
    photos = tmp_path / "photos"
    for year in ("2023", "2024/may"):  # one sub-folder would be no class, and these are not asked for
        (photos / year).mkdir(parents=True)
    for number, image in enumerate(blobs("bare", 4, 20, size=12).images):
        Image.fromarray(image[..., 0]).save(photos / ("2023", "2024/may")[number % 2] / f"{number}.png")
    way = Clusters(4, embedding=Pixels())
    out = label_dataset(f"imagefolder:{photos}", (), out=tmp_path / "out", labelling=way, size=12, writer=writer).out
    with (out / "samples.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    is_folder = isinstance(writer, ImageFolderWriter)
    again = load(f"imagefolder:{out}" if is_folder else f"npz:{out}/out.npz")
    names = again.row_names.tolist()
    numbers = [int(name.split("/")[-1].removesuffix(".png")) for name in names]
    assert sorted(numbers) == [int(row["image"]) for row in rows] == list(range(80))
    for number, image in zip(numbers, again.images, strict=True):
        assert (np.asarray(Image.open(photos / rows[number]["file"])) == image[..., 0]).all()
    assert "samples.csv" in (out / "CARD.md").read_text(encoding="utf-8")


def test_the_default_needs_anchors(spec, tmp_path):
    with pytest.raises(InvalidOptionError, match=r"without a labelled set .* add one \(--anchor\)"):
        label_dataset(spec, (), out=tmp_path / "out")


def test_a_folder_that_is_not_empty_is_refused_before_a_set_is_read(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(OutputExistsError):
        label_dataset("npz:none.npz", (), out=tmp_path)


def test_color_that_is_dropped_is_warned_of(spec, tmp_path, caplog):
    """Of the images and of the anchors, since they are compared."""
    anchors = [colored_set(tmp_path / f"{name}.npz", seed) for seed, name in enumerate(("one", "other"))]
    options = {"labelling": G2L(4, embedding=Pixels()), "size": 12, "writer": NpzWriter()}
    label_dataset(anchors[0], anchors, out=tmp_path / "color", channels=3, **options)
    assert caplog.messages == []
    label_dataset(spec, anchors, out=tmp_path / "gray", **options)
    (warning,) = caplog.messages
    assert warning.startswith("the images of 'one' and 'other' are in color, and channels = 1 drops it")
