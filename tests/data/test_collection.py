"""DatasetCollection: target and sources of one shape, and the sizes of the target's parts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geosearch.data.collection import DatasetCollection, load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import ink_margin
from geosearch.data.target import cut_target
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import DomainMismatchError
from geosearch.pseudo_labels.nearest import NearestShot

SOURCES = ("fonts/sans-digits", "fonts/mono-upper")


def test_everything_comes_to_one_shape() -> None:
    collection = load_collection("digits", SOURCES, size=12, channels=3, samples=100)
    assert {part.shape for part in (collection.train, *collection.sources)} == {(12, 12, 3)}
    assert [source.name for source in collection.sources] == list(SOURCES)
    assert [len(source) for source in collection.sources] == [100, 100]
    assert collection.test is None
    assert len(collection.train) == 1797


def test_the_target_may_not_be_among_its_sources() -> None:
    with pytest.raises(DomainMismatchError, match="take it out"):
        load_collection("digits", ("fonts/sans-digits", "digits"), size=8, channels=1, samples=50)


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    specs = []
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8) // (number + 1)
        np.savez(tmp_path / folder / "same.npz", images=images, labels=np.array([0, 1, 0, 1]))
        specs.append(f"npz:{tmp_path / folder / 'same.npz'}")
    collection = load_collection("digits", specs, size=8, channels=1, samples=50)
    assert [source.name for source in collection.sources] == ["same-1", "same-2"]
    (tmp_path / "b" / "same.npz").rename(tmp_path / "same-2.npz")
    third = f"npz:{tmp_path / 'same-2.npz'}"
    collection = load_collection("digits", [specs[0], specs[0], third], size=8, channels=1, samples=50)
    assert [source.name for source in collection.sources] == ["same-1", "same-2-2", "same-2"]


def test_which_images_take_part_does_not_depend_on_where_a_set_lies(tmp_path: Path) -> None:
    drawn = []
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "set.npz"
        np.savez(path, images=np.arange(100 * 64, dtype=np.uint8).reshape(100, 8, 8), labels=np.arange(100) % 2)
        (source,) = load_collection("digits", [f"npz:{path}"], size=8, channels=1, samples=30).sources
        drawn.append(source.fingerprint)
    assert drawn[0] == drawn[1]


def test_margins_are_matched_to_the_target(tmp_path: Path) -> None:
    """A target with a wide margin shrinks the sources; its test part is treated like its training part."""
    images = np.zeros((6, 16, 16), np.uint8)
    images[:, 6:10, 6:10] = 200
    labels = np.arange(6) % 2
    images += np.arange(6, dtype=np.uint8)[:, None, None]  # all different
    parts = {"train_images": images, "train_labels": labels, "test_images": images + 6, "test_labels": labels}
    np.savez(tmp_path / "small.npz", **parts)
    collection = load_collection(
        f"npz:{tmp_path / 'small.npz'}", SOURCES, size=32, channels=1, samples=200, margin="match"
    )
    for source in collection.sources:
        assert ink_margin(source) == pytest.approx(6 / 16, abs=0.05)
    assert collection.test is not None
    assert collection.test.images == pytest.approx(collection.train.images, abs=7)


@given(
    n=st.integers(30, 400),
    own_test=st.integers(0, 50),
    shots=st.integers(1, 3),
    reference=st.integers(1, 500),
    held_out=st.integers(1, 300),
    test=st.integers(1, 300),
)
def test_the_parts_always_fit(n: int, own_test: int, shots: int, reference: int, held_out: int, test: int) -> None:
    """Law: whatever is asked, the sizes that come back can be cut, and never exceed what was asked."""
    images, labels = np.zeros((n, 4, 4), np.uint8), np.arange(n) % 3
    train = LabelledSet.from_arrays(images, labels, name="set")
    part = train.take(np.arange(own_test) % n) if own_test else None
    sizes = DatasetCollection(train, part, ()).parts(shots=shots, reference=reference, held_out=held_out, test=test)
    target = cut_target(train, part, **sizes, fit_labels=partial(NearestShot().fit, encoder=PixelEncoder()), seed=0)
    assert len(target.reference) <= reference
    assert len(target.held_out) <= held_out
    assert len(target.test_images) <= test


def test_with_many_classes_the_unlabelled_parts_grow_as_far_as_the_target_goes() -> None:
    def sizes(classes: int, each: int) -> tuple[int, int]:
        labels = np.arange(classes * each) % classes
        train = LabelledSet.from_arrays(np.zeros((len(labels), 4, 4), np.uint8), labels, name="set")
        parts = DatasetCollection(train, train, ()).parts(shots=5, reference=1000, held_out=400, test=2000)
        return parts["reference"], parts["held_out"]

    assert sizes(10, 500) == sizes(47, 200) == sizes(50, 100) == (1000, 400)
    assert sizes(100, 100) == (2000, 800)
    assert sizes(1000, 50) == (20_000, 8000)
    assert sizes(200, 9) == (600, 200)  # 800 images that are no shots


@pytest.mark.parametrize("kind", ["files", "arrays"])
def test_a_target_in_color_of_which_color_is_dropped(tmp_path: Path, kind: str) -> None:
    images = np.random.default_rng(0).integers(0, 40, (30, 12, 12, 1)).repeat(3, -1).astype(np.uint8)
    images[::2, 3:9, 3:9], images[1::2, 3:9, 3:9] = (200, 60, 60), (60, 132, 60)
    images[:, 2, 2] = np.arange(30)[:, None]
    np.savez(tmp_path / "color.npz", images=images, labels=np.arange(30) % 2)
    np.savez(tmp_path / "grey.npz", images=images[..., :1].repeat(3, -1), labels=np.arange(30) % 2)
    for row, image in enumerate(images):
        path = tmp_path / "color" / "ab"[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    spec = f"imagefolder:{tmp_path / 'color'}" if kind == "files" else f"npz:{tmp_path / 'color.npz'}"
    for target, channels, count in ((spec, 1, 1), (spec, 3, 0), (f"npz:{tmp_path / 'grey.npz'}", 1, 0)):
        report = load_collection(target, SOURCES, size=12, channels=channels, samples=50).train.report
        assert report is not None
        assert sum("domain.channels = 1 drops it" in note for note in report.notes) == count
