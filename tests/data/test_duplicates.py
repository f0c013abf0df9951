"""Images with the same pixels: found, counted, and in one part only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generators.image_folders import CLASSES, picture, write_class, write_classes
from generators.sets import blobs
from PIL import Image

from geosearch.data.collection import DatasetCollection, load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import PixelIndex, clean_source, clean_target, hash_pixels
from geosearch.data.read_report import Reason
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError

SIDE = 12


def write_npz(path: Path, train: LabelledSet, test: LabelledSet | None = None) -> str:
    """The specification of a file with one part or two."""
    arrays = {"images": train.images, "labels": train.labels}
    if test is not None:
        arrays = {f"train_{key}": array for key, array in arrays.items()}
        arrays |= {"test_images": test.images, "test_labels": test.labels}
    np.savez(path, **arrays)
    return f"npz:{path}"


def load_study(target: str, *sources: str, samples: int = 1000) -> DatasetCollection:
    return load_collection(target, sources, size=SIDE, channels=1, samples=samples)


def counts(collection: DatasetCollection) -> list[dict[Reason, int]]:
    return [report.counts() for report in collection.reports]


def test_equal_pixels_have_equal_hashes_and_others_do_not() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 4, 1)).astype(np.uint8)
    assert len(np.unique(hash_pixels(images))) == 50
    assert (hash_pixels(images[[3, 1, 3]]) == hash_pixels(images)[[3, 1, 3]]).all()
    assert (hash_pixels(np.repeat(images, 3, axis=-1)) == hash_pixels(images)).all()  # grey, saved as RGB
    assert not np.isin(hash_pixels(images.reshape(50, 4, 6, 1)), hash_pixels(images)).any()
    changed = images.copy()
    changed[:, -1, -1, 0] ^= 1
    assert not np.isin(hash_pixels(changed), hash_pixels(images)).any()


def test_images_of_one_flat_color_are_no_copies() -> None:
    """A class may be empty frames; they show nothing, so nothing leaks with them."""
    flat = np.full((8, 5, 5, 3), 7, np.uint8)
    assert not PixelIndex.of(flat).find(flat).any()
    textured = blobs("a", 2, 4, size=5).images
    data = LabelledSet(np.concatenate([flat[..., :1], textured]), np.repeat([0, 1], 8), ("empty", "ink"), "mine")
    assert clean_target(data, None) == (data, None)


def test_what_is_in_the_test_part_leaves_the_training_part(tmp_path: Path) -> None:
    train, test = blobs("t", 3, 20, seed=0, size=SIDE), blobs("t", 3, 10, seed=1, size=SIDE)
    leaked = train.concatenate(test.take(np.arange(0, 30, 2)))
    leaked = leaked.take(np.random.default_rng(0).permutation(len(leaked)))
    collection = load_study(write_npz(tmp_path / "t.npz", leaked, test), "fonts/sans-digits")
    assert (len(collection.train), collection.test and len(collection.test)) == (60, 30)
    assert counts(collection)[:2] == [{Reason.TEST_COPY: 15}, {}]
    assert "15 of 75 images left out: 15 copies of test images (image " in collection.reports[0].summary
    assert sorted(hash_pixels(collection.train.images)) == sorted(hash_pixels(train.images))


def test_a_copy_of_a_test_image_under_another_label_leaves_the_training_part_too() -> None:
    train, test = blobs("t", 2, 5, seed=0), blobs("t", 2, 5, seed=1)
    wrong = LabelledSet(test.images, 1 - test.labels, test.classes, "t")
    cleaned, kept = clean_target(train.concatenate(wrong), test)
    assert (cleaned.images == train.images).all()
    assert kept is test


def test_one_of_equal_target_images_is_kept_and_none_under_two_labels() -> None:
    train = blobs("t", 2, 6)
    again = train.take(np.array([0, 0, 1, 7]))  # row 0 is there three times in all
    unclear = LabelledSet(train.images[[2, 8]], 1 - train.labels[[2, 8]], train.classes, "t")
    cleaned, _ = clean_target(train.concatenate(again).concatenate(unclear), None)
    assert (cleaned.images == np.delete(train.images, [2, 8], axis=0)).all()
    assert (cleaned.labels == np.delete(train.labels, [2, 8])).all()


def test_the_test_part_counts_every_image_once() -> None:
    train, test = blobs("t", 2, 5, seed=0), blobs("t", 2, 5, seed=1)
    unclear = LabelledSet(test.images[:1], 1 - test.labels[:1], test.classes, "t")
    _, cleaned = clean_target(train, test.concatenate(test.take(np.arange(5, 10))).concatenate(unclear))
    assert cleaned is not None
    assert (cleaned.images == test.images[1:]).all()


def test_a_target_without_any_good_image_of_a_class_is_refused() -> None:
    train, test = blobs("t", 2, 5), blobs("t", 2, 5, seed=1)
    with pytest.raises(DomainMismatchError, match="class '1' can be used, 5 copies of test images; keep"):
        clean_target(train, train.take(train.labels == 1))
    both = LabelledSet(np.concatenate([test.images[:4]] * 2), np.repeat([0, 1], 4), test.classes, "t")
    with pytest.raises(DomainMismatchError, match="test part is under several labels"):
        clean_target(train, both)


def test_folders_with_copies_in_both_parts_and_in_two_classes(tmp_path: Path) -> None:
    for part, first, count in (("train", 0, 20), ("test", 500, 9)):
        write_classes(tmp_path / part, count, start=first)
    for kind, name in enumerate(CLASSES):
        write_class(tmp_path / "train" / name, kind, 4, start=500)  # of the test part
        for number in range(3):
            Image.fromarray(picture(kind, number)).save(tmp_path / "train" / CLASSES[kind - 1] / f"wrong{number}.png")
    collection = load_study(f"imagefolder:{tmp_path}", "fonts/sans-digits")
    assert counts(collection)[:2] == [{Reason.TEST_COPY: 12, Reason.TWO_LABELS: 18}, {}]
    report = collection.reports[0]
    assert report.counts("bar") == {Reason.TEST_COPY: 4, Reason.TWO_LABELS: 6}
    assert report.remarkable
    files = {file.path for file in report.passed if file.reason is Reason.TEST_COPY and file.group == "bar"}
    assert files == {f"train/bar/{number}.png" for number in range(500, 504)}
    assert (report.seen, report.taken, dict(report.by_class)) == (81, 51, dict.fromkeys(CLASSES, 17))
    assert len(collection.train) == 51


@pytest.mark.parametrize("labelled", [True, False])
def test_target_images_leave_the_sources(tmp_path: Path, labelled: bool) -> None:
    """Those of its test part, the labelled ones and the unlabelled ones; before any are drawn."""
    train, test = blobs("t", 3, 20, seed=0, size=SIDE), blobs("t", 3, 20, seed=1, size=SIDE)
    own = blobs("s", 3, 30, seed=2, size=SIDE)
    mixed = own.concatenate(test).concatenate(train.take(np.arange(15)))
    source = clean_source(mixed if labelled else UnlabelledSet.of(mixed), PixelIndex.of(train.images, test.images), "t")
    assert (source.images == own.images).all()
    specs = [write_npz(tmp_path / "t.npz", train, test), write_npz(tmp_path / "s.npz", mixed)]
    collection = load_study(*specs, samples=60)
    assert counts(collection) == [{}, {}, {Reason.TARGET_COPY: 75}]
    assert len(collection.sources[0]) == 60
    assert PixelIndex.of(own.images).find(collection.sources[0].images).all()


def test_what_a_source_repeats_stays_and_is_said(tmp_path: Path) -> None:
    own = blobs("s", 2, 10, size=SIDE)
    unclear = LabelledSet(own.images[:1], 1 - own.labels[:1], own.classes, "s")
    spec = write_npz(tmp_path / "s.npz", own.concatenate(own.take(np.arange(4, 7))).concatenate(unclear))
    collection = load_study("digits", spec)
    assert len(collection.sources[0]) == 24
    assert collection.reports[1].notes == (
        "3 of 24 images are copies of others; they stay",
        "2 of 24 images are under several labels; they stay",
    )


def test_a_source_with_too_little_of_its_own_is_refused_and_lost_classes_are_named(tmp_path: Path) -> None:
    target = blobs("t", 3, 10, size=SIDE)
    own = blobs("s", 3, 10, seed=1, size=SIDE)
    spec = write_npz(tmp_path / "t.npz", target)
    with pytest.raises(DomainMismatchError, match="all 20 images of source 'part' are images of the target 't'"):
        load_study(spec, write_npz(tmp_path / "part.npz", target.take(target.labels < 2)))
    one = own.take(own.labels == 0).concatenate(target.take(target.labels > 0))
    with pytest.raises(DomainMismatchError, match="source 'one' has but one class, '0'"):
        load_study(spec, write_npz(tmp_path / "one.npz", one))
    two = own.take(own.labels != 1).concatenate(target.take(target.labels == 1))
    collection = load_study(spec, write_npz(tmp_path / "two.npz", two))
    assert collection.sources[0].classes == ("0", "2")
    assert set(collection.sources[0].labels) == {0, 1}
    assert collection.reports[1].notes == ("without class 1, whose images are all in the target",)


def test_sets_without_duplicates_are_the_very_same() -> None:
    train, test, source = (blobs("t", 3, 10, seed=seed) for seed in range(3))
    assert clean_target(train, test) == (train, test)
    assert clean_source(source, PixelIndex.of(train.images, test.images), "t") is source


def test_shared_images_are_counted_once() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
    one, other = PixelIndex.of(images[:4], images[:1]), PixelIndex.of(images[2:])
    assert one.count_shared(other) == 2
