"""Source images that show what target images show: taken out if only the reader differs, else named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs
from PIL import Image

from geosearch.data import near_duplicates
from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.near_duplicates import ThumbnailIndex, clean_near_source
from geosearch.data.read_report import Reason

SIDE = 30


def pictures(count: int, start: int = 0) -> LabelledSet:
    """`count` textures of blocks of each of three classes, numbered from `start`."""
    rngs = [np.random.default_rng((kind, number)) for kind in range(3) for number in range(start, start + count)]
    blocks = np.stack([rng.integers(0, 256, (10, 10)) for rng in rngs]).astype(np.uint8)
    images = np.kron(blocks, np.ones((1, SIDE // 10, SIDE // 10), np.uint8))
    return LabelledSet.from_arrays(images, np.repeat(np.arange(3), count), name="pictures")


def as_jpeg(images: np.ndarray, quality: int) -> np.ndarray:
    """The images (n, h, w, 1), saved and read again."""
    found = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file))[..., None])
    return np.stack(found)


@pytest.mark.parametrize("channels", [1, 3])
def test_target_images_in_a_source_that_is_read_from_files_are_found(tmp_path: Path, channels: int) -> None:
    """An array is resized after it was loaded, files while they are: their pixels differ by rounding."""
    train, test = pictures(20), pictures(20, start=100)
    arrays = {"train_images": train.images, "train_labels": train.labels}
    np.savez(tmp_path / "t.npz", **arrays, test_images=test.images, test_labels=test.labels)
    for start, kept in ((200, pictures(12, 200)), (0, test)):
        for row, (image, label) in enumerate(zip(kept.images, kept.labels, strict=True)):
            (tmp_path / "s" / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(tmp_path / "s" / str(label) / f"{start + row}.png")
    collection = load_collection(
        f"npz:{tmp_path / 't.npz'}", [f"imagefolder:{tmp_path / 's'}"], size=17, channels=channels, samples=1000
    )
    assert len(collection.sources[0]) == 36
    assert collection.reports[2].counts() == {Reason.TARGET_COPY: 60}
    assert (collection.reports[2].seen, collection.reports[2].taken) == (96, 36)
    assert collection.reports[2].notes == ()


def test_pairs_that_are_likely_are_compared_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them in float32 are more than the source is."""
    target, sizes, compare = pictures(20), [], near_duplicates._compare
    index = ThumbnailIndex.of(target)
    images = np.concatenate([pictures(5, 100).images, target.images, as_jpeg(target.images[:2], 60)])
    whole = index.find(images)
    monkeypatch.setattr(near_duplicates, "_CHUNK", 8)
    monkeypatch.setattr(near_duplicates, "_compare", lambda *pair: (sizes.append(len(pair[0])), compare(*pair))[1])
    for found, expected in zip(index.find(images), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert sizes == [8] * 7 + [6]  # 60 copies and 2 that were saved as JPEG
    assert (whole[1].sum(), whole[2].sum()) == (60, 2)


def test_jpeg_copies_stay_and_are_named(tmp_path: Path) -> None:
    target, own = pictures(20), pictures(20, start=100)
    np.savez(tmp_path / "t.npz", images=target.images, labels=target.labels)
    images = np.concatenate([own.images, as_jpeg(target.images[7:9], 60)])
    np.savez(tmp_path / "s.npz", images=images, labels=np.append(own.labels, [0, 1]))
    specs = [f"npz:{tmp_path / name}.npz" for name in "ts"]
    collection = load_collection(specs[0], specs[1:], size=20, channels=1, samples=1000)
    assert len(collection.sources[0]) == 62
    assert collection.reports[1].notes == (
        "2 of 62 images look like images of the target (image 60 like image 7, image 61 like image 8); they stay, so "
        "look whether they are copies",
    )
    small = load_collection(specs[0], specs[1:], size=8, channels=1, samples=1000)
    assert small.reports[1].notes == ()  # so few pixels are often alike by chance


@pytest.mark.parametrize("quality", [50, 90])
def test_most_jpeg_copies_are_found_and_nothing_else(quality: int) -> None:
    data, others = pictures(40), pictures(40, start=100)
    index = ThumbnailIndex.of(data)
    rows, likely = index.nearest(as_jpeg(data.images, quality))
    assert (rows == np.arange(120)).mean() > 0.95
    assert likely.mean() > 0.95
    same, alike = near_duplicates._compare(others.images, data.images[index.nearest(others.images)[0]])
    assert not same.any()
    assert not alike.any()


def test_flat_images_are_like_nothing() -> None:
    flat = LabelledSet(np.full((4, 16, 16, 1), 90, np.uint8), np.arange(4) % 2, ("a", "b"), "flat")
    assert clean_near_source(flat, ThumbnailIndex.of(flat), "t") is flat


def test_the_test_part_is_compared_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_MOST", 50)
    train, test = blobs("t", 4, 50, seed=0), blobs("t", 4, 10, seed=1)
    index = ThumbnailIndex.of(test, train)
    assert len(index.images) == len(index.names) == 50
    assert (index.images[:40] == test.images).all()
    assert (index.images[40:] == train.images[::20]).all()
    assert (ThumbnailIndex.of(train, None, test).images == train.images[::4]).all()
