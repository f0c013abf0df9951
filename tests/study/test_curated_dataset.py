"""What a curation found, written out; see also tests/cli/test_curate.py."""

from __future__ import annotations

import csv
import logging

import numpy as np
import pytest
from generators.sets import blobs
from PIL import Image

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


@pytest.mark.parametrize("task", ["detect", "reweight"])
def test_samples_of_a_folder_are_listed_with_their_files(tmp_path, task):
    made = blobs("mine", 3, 12, size=10)
    for i, (image, label) in enumerate(zip(made.images, made.labels, strict=True)):
        folder = tmp_path / "кошки" / f"класс {(label + (i % 6 == 0)) % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{i:02}.png")
    out = tmp_path / "out"
    spec = f"imagefolder:{tmp_path / 'кошки'}"
    curate_dataset(spec, task=task, embedding=Pixels(), size=10, out=out, writer=NpzWriter())
    rows = list(csv.DictReader((out / "samples.csv").open(encoding="utf-8")))
    assert len(rows) == len(made)
    for row in rows:
        assert (tmp_path / "кошки" / row["file"]).is_file()
        assert row["file"].startswith(f"{row.get('given') or row['label']}/")
    if task == "detect":
        page = (out / "index.html").read_text(encoding="utf-8")
        assert "класс" in page
        assert ".png</span>" in page
        assert "row " not in page.partition("<body")[2]


def test_arrays_have_rows_and_no_files(spec, tmp_path):
    curate_dataset(spec, task="detect", embedding=Pixels(), size=10, out=tmp_path / "out", writer=NpzWriter())
    rows = list(csv.DictReader((tmp_path / "out" / "samples.csv").open()))
    assert {row["file"] for row in rows} == {""}
