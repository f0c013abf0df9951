"""LabelledSet: what passes the door, and what is turned away with a remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.data.dataset import LabelledSet, balanced_rows
from geosearch.errors import GeosearchError, InvalidDataError

IMAGES = np.zeros((4, 5, 5), np.uint8)
LABELS = np.array([0, 1, 0, 1])


def build(images: object = IMAGES, labels: object = LABELS, **more: object) -> LabelledSet:
    return LabelledSet.from_arrays(images, labels, name="mine", **more)  # type: ignore[arg-type]


def test_grey_images_get_a_channel_axis_and_class_names() -> None:
    data = build()
    assert data.images.shape == (4, 5, 5, 1)
    assert data.classes == ("0", "1")
    assert data.labels.dtype == np.int64
    assert data.shape == (5, 5, 1)


def test_float_images_in_the_unit_interval_become_bytes() -> None:
    data = build(np.linspace(0, 1, 100).reshape(4, 5, 5))
    assert data.images.dtype == np.uint8
    assert (data.images.min(), data.images.max()) == (0, 255)


def test_whole_numbers_stored_as_floats_are_labels() -> None:
    assert build(labels=LABELS.astype(float)).labels.tolist() == LABELS.tolist()


def test_labels_may_be_a_column() -> None:
    assert build(labels=LABELS[:, None]).labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((0, 5, 5), np.uint8), np.zeros(0, int), "is empty"),
        (np.full((4, 5, 5), np.nan), LABELS, "NaN"),
        (np.full((4, 5, 5), np.inf), LABELS, "infinite"),
        (np.zeros((4, 5, 5), complex), LABELS, "dtype complex128"),
        (np.zeros((4, 5, 5, 2), np.uint8), LABELS, "expected images of shape"),
        (np.zeros((4, 25), np.uint8), LABELS, "expected images of shape"),
        ([np.zeros((5, 5)), np.zeros((6, 5))], LABELS[:2], "mixes image shapes"),
        (np.arange(100, dtype=np.uint8).reshape(4, 5, 5) % 2, LABELS, "multiply them by 255"),
        (IMAGES, LABELS[:3], "one per image"),
        (IMAGES, np.eye(4, 3), "several labels an image"),
        (IMAGES, np.array([0, 2, 0, 2]), "renumber"),
        (IMAGES, np.array([-1, 0, 1, 0]), "negative"),
        (IMAGES, np.array([0, 0.5, 1, 1]), "class numbers"),
        (IMAGES, np.array([0, np.nan, 1, 1]), "1 labels are missing"),
        (IMAGES, np.zeros(4, int), "one class only"),
    ],
)
def test_bad_arrays_are_refused_with_a_remedy(images: object, labels: object, message: str) -> None:
    with pytest.raises(InvalidDataError, match=message) as caught:
        build(images, labels)
    assert isinstance(caught.value, GeosearchError)
    assert "mine" in str(caught.value)


def test_the_number_of_class_names_must_fit() -> None:
    with pytest.raises(InvalidDataError, match="3 class names"):
        build(classes=["a", "b", "c"])


def test_a_test_part_may_lack_a_class_but_bring_no_new_one() -> None:
    part = LabelledSet.test_part(IMAGES, np.array([2, 2, 0, 2]), name="mine", classes="abc")
    assert part.classes == ("a", "b", "c")
    with pytest.raises(InvalidDataError, match="share one numbering"):
        LabelledSet.test_part(IMAGES, np.array([3, 2, 0, 2]), name="mine", classes="abc")


def test_the_fingerprint_follows_content_and_not_the_name() -> None:
    other = LabelledSet.from_arrays(IMAGES, LABELS, name="other")
    assert build().fingerprint == other.fingerprint
    assert build().fingerprint != build(labels=LABELS[::-1]).fingerprint
    assert build().fingerprint != build(IMAGES + 2).fingerprint


def test_taking_rows_keeps_the_classes() -> None:
    assert build().take(np.array([0, 2])).classes == ("0", "1")


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=6),
    size=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
)
def test_balanced_rows_are_distinct_and_as_even_as_the_classes_allow(counts: list[int], size: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = balanced_rows(labels, size, np.random.default_rng(seed))
    assert len(np.unique(rows)) == len(rows) == min(size, len(labels))
    taken = np.bincount(labels[rows], minlength=len(counts))
    most = taken.max()
    for count, got in zip(counts, taken, strict=True):
        assert got == count or got >= most - 1  # a class is behind only when it has no more to give


def test_a_class_without_images_counts_in_the_fingerprint() -> None:
    images, labels = np.zeros((6, 5, 5), np.uint8), np.arange(6) % 3
    whole = LabelledSet.from_arrays(images, labels, name="whole")
    rows = np.flatnonzero(labels < 2)
    fewer = LabelledSet.from_arrays(images[rows], labels[rows], name="fewer")
    assert whole.take(rows).fingerprint != fewer.fingerprint
    assert whole.take(rows).fingerprint == whole.take(rows).fingerprint


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidDataError, match="several classes named 'a'"):
        LabelledSet.from_arrays(np.zeros((3, 4, 4), np.uint8), np.arange(3), name="twice", classes=["a", "b", "a"])


def test_names_of_other_images_are_not_taken_along() -> None:
    names = np.array(["a", "b", "c", "d"])
    data = replace(LabelledSet.from_arrays(np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1], name="mine"), row_names=names)
    assert data.take(np.array([2, 1])).row_names.tolist() == ["c", "b"]
    other = replace(data, images=data.images[:2], labels=data.labels[:2])
    assert other.take(np.array([0])).row_names is None
    assert data.concatenate(other).row_names is None
