"""Names of parts."""

from __future__ import annotations

import pytest

from geosearch.data.loaders.part_names import parse_part_name

NAMES = {
    "train": ("train", "Train", "TRAINING", "seg_train", "training_set", "tr", "TrainSet", "trainset", "train2017",
              "train_data", "Training Images", "00_train", "images_train", "my-train", "trainval"),
    "val": ("val", "Val", "valid", "Validation", "dev", "val2017", "validation_set", "devset", "seg_dev"),
    "test": ("test", "TESTING", "test_set", "testset", "TestData", "eval", "evaluation", "holdout", "hold-out",
             "held_out", "seg_test", "public_test", "test1"),
    "unlabelled": ("seg_pred", "predict", "unlabeled", "unlabelled_data"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NAMES.items() for name in names])
def test_usual_names_are_known(kind: str, name: str) -> None:
    found = parse_part_name(name)
    assert found is not None
    assert (found.kind, found.rest) == (kind, frozenset())


@pytest.mark.parametrize(
    "name", ["cat", "trainer", "contest", "devil", "valley", "settings", "images", "strain", "train test", ""]
)
def test_other_words_are_no_parts(name: str) -> None:
    assert parse_part_name(name) is None


def test_the_further_words_are_kept() -> None:
    for name in ("pets_train", "Pets-Training-Set", "train.pets"):
        found = parse_part_name(name)
        assert found is not None
        assert (found.kind, found.rest) == ("train", {"pets"})
