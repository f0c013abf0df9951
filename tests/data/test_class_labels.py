"""Labels in whatever form they come."""

from __future__ import annotations

import numpy as np
import pytest

from geosearch.data.class_labels import ClassLabels
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidDataError

NAMES = np.array(["dog", "cat", "emu", "cat"])
IMAGES = np.arange(4 * 36, dtype=np.uint8).reshape(4, 6, 6)


@pytest.mark.parametrize("labels", [NAMES, NAMES.astype(bytes), NAMES.astype(object), NAMES[:, None], list(NAMES)])
def test_text_is_class_names_in_their_order(labels: np.ndarray) -> None:
    data = LabelledSet.from_arrays(IMAGES, labels, name="a")
    assert data.classes == ("cat", "dog", "emu")
    assert data.labels.tolist() == [1, 0, 2, 0]
    ordered = LabelledSet.from_arrays(IMAGES, labels, name="a", classes=("emu", "dog", "cat"))
    assert ordered.classes == ("emu", "dog", "cat")
    assert ordered.labels.tolist() == [1, 2, 0, 2]


def test_numbers_as_text_are_ordered_by_their_size() -> None:
    read = ClassLabels.read(np.array(["10", "9", "b", "1"]), 4, "a")
    assert read.names == ("1", "9", "10", "b")


@pytest.mark.parametrize("labels", [np.array([True, False, True, True]), np.array([True, False, True, True], object)])
def test_yes_and_no_are_two_classes(labels: np.ndarray) -> None:
    data = LabelledSet.from_arrays(IMAGES, labels, name="a")
    assert (data.classes, data.labels.tolist()) == (("False", "True"), [1, 0, 1, 1])
    named = LabelledSet.from_arrays(IMAGES, labels, name="a", classes=("ill", "well"))
    assert (named.classes, named.labels.tolist()) == (("ill", "well"), [1, 0, 1, 1])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_one_hot_labels_are_taken(dtype: type) -> None:
    rows = np.eye(3)[[2, 0, 1, 0]].astype(dtype)
    assert LabelledSet.from_arrays(IMAGES, rows, name="a").labels.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]), "1 images have more than one, 1 have none"),
        (np.array([[1, 0], [0, 0], [0, 1], [0, 1]]), r"labels\[:, k\]"),
        (np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [0, 1]]), "soft labels"),
        (np.array([[3, 7], [2, 1], [5, 5], [0, 1]]), "choose one column"),
        (np.array(["a", "", "b", " "]), "2 labels are empty"),
        (np.array(["a", None, "b", "b"], object), "1 labels are missing"),
        (np.array(["a", 3, "b", "b"], object), "all numbers or all text, got int, str"),
        (np.array([0.1, 0.7, 0.2, 0.4]), r"numpy\.digitize"),
    ],
)
def test_what_is_not_one_label_an_image_is_refused_with_what_can_be_done(labels: np.ndarray, said: str) -> None:
    with pytest.raises(InvalidDataError, match=said):
        LabelledSet.from_arrays(IMAGES, labels, name="a")


def test_the_advice_for_several_labels_works() -> None:
    labels = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    assert LabelledSet.from_arrays(IMAGES, labels[:, 0], name="a").labels.tolist() == [1, 1, 0, 0]
    keep = labels.sum(axis=1) == 1
    assert LabelledSet.from_arrays(IMAGES[keep], labels[keep], name="a").labels.tolist() == [0, 1]


def test_a_test_part_has_the_numbers_of_its_training_part() -> None:
    part = LabelledSet.test_part(
        IMAGES, np.array(["emu", "emu", "dog", "emu"]), name="a", classes=("cat", "dog", "emu")
    )
    assert part.labels.tolist() == [2, 2, 1, 2]
    with pytest.raises(InvalidDataError, match="none of its classes: fox"):
        LabelledSet.test_part(IMAGES, np.array(["emu", "fox", "dog", "emu"]), name="a", classes=("cat", "dog", "emu"))
