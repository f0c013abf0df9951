"""What a curation found, written out; see also tests/cli/test_curate.py."""

from __future__ import annotations

import csv
import logging
import re

import numpy as np
import pytest
from generators.sets import blobs
from PIL import Image

from geosearch.data.writers.npz import NpzWriter
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import DomainMismatchError, InvalidOptionError, OutputExistsError
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


@pytest.mark.parametrize("task", ["detect", "reweight", "extend"])
def test_images_of_the_target_are_left_out_of_the_pool_and_counted(tmp_path, task):
    """A copy would predict its original when that is left out, so that the error would be too low."""
    pool, core = blobs("pool", 4, 24, size=12), blobs("core", 4, 5, seed=9, size=12)
    copies = core.images.copy()
    copies[5:] += 1  # as another reader gives them
    at = 10  # row of the pool at which they stand
    images, labels = (np.insert(a, at, b, 0) for a, b in ((pool.images, copies), (pool.labels, core.labels)))
    np.savez(tmp_path / "mixed.npz", images=images, labels=labels)
    np.savez(tmp_path / "pool.npz", images=pool.images, labels=pool.labels)
    np.savez(tmp_path / "core.npz", images=core.images, labels=core.labels)
    options = {"task": task, "embedding": Pixels(), "size": 12, "writer": NpzWriter()}
    found, alone = (
        curate_dataset(f"npz:{tmp_path}/{name}.npz", target=f"npz:{tmp_path}/core.npz", out=tmp_path / name, **options)
        for name in ("mixed", "pool")
    )
    assert found.sentence == f"{alone.sentence}; 20 left out, as they are images of the target"
    assert (found.left_out, found.size, found.kept) == (20, 96, alone.kept)
    rows, plain = (
        [int(row["row"]) for row in csv.DictReader((tmp_path / name / "samples.csv").open())]
        for name in ("mixed", "pool")
    )
    assert rows == [row if row < at else row + 20 for row in plain]
    if task == "detect":
        page = (tmp_path / "mixed" / "index.html").read_text(encoding="utf-8")
        shown = re.findall(r"row (\d+)</span>", page)
        assert shown == [str(row) for row in rows if str(row) in shown]
        assert shown
    else:
        assert "; 20 left out" in (tmp_path / "mixed" / "CARD.md").read_text(encoding="utf-8")


def test_files_of_several_sizes_are_found_in_the_target(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(24):
        image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize(
            rng.integers(150, 400, 2), Image.BICUBIC
        )
        for name in ("pool", "core")[: 2 if number < 8 else 1]:
            folder = tmp_path / name / f"class {number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{number}.png")
    pool, core = (f"imagefolder:{tmp_path / name}" for name in ("pool", "core"))
    options = {"embedding": Pixels(), "size": 12, "channels": 3, "writer": NpzWriter()}
    found = curate_dataset(pool, target=core, task="reweight", out=tmp_path / "out", **options)
    assert (found.left_out, found.size) == (8, 16)


def test_a_set_that_is_the_target_is_refused(spec, tmp_path):
    options = {"task": "extend", "embedding": Pixels(), "size": 10, "writer": NpzWriter()}
    with pytest.raises(DomainMismatchError, match=r"all 96 images of 'mine.*leave --target out"):
        curate_dataset(spec, target=spec, out=tmp_path / "out", **options)


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


def test_a_folder_that_is_not_empty_is_refused_before_a_set_is_read(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(OutputExistsError):
        curate_dataset("npz:none.npz", task="detect", embedding=Pixels(), out=tmp_path, writer=NpzWriter())


def test_arrays_have_rows_and_no_files(spec, tmp_path):
    curate_dataset(spec, task="detect", embedding=Pixels(), size=10, out=tmp_path / "out", writer=NpzWriter())
    rows = list(csv.DictReader((tmp_path / "out" / "samples.csv").open()))
    assert {row["file"] for row in rows} == {""}
