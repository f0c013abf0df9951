"""A target of one's own: every label is used, nothing is hidden, and no image is on both sides of a distance."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from geosearch.data.dataset import LabelledSet
from geosearch.data.own_target import COPIES, own_target
from geosearch.data.target import Target
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import DomainMismatchError
from geosearch.pseudo_labels.nearest import NearestShot

COUNTS = (3, 17, 1, 8)


def numbered(counts: tuple[int, ...] = COUNTS, first: int = 0) -> LabelledSet:
    """Images of so many in each class in mixed order, each with its own number in its first pixels."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(first, first + len(labels)), 256)
    images[:, 2:, 2:, 0] = (labels * 200 // len(counts))[:, None, None]
    return LabelledSet(images, labels, tuple("abcdefgh"[: len(counts)]), "numbered")


def loose(count: int) -> UnlabelledSet:
    return UnlabelledSet.of(numbered((count, 0), first=1000))


def numbers(images: np.ndarray) -> list[int]:
    return (images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]).tolist()


def shade(images: np.ndarray, seed: int) -> np.ndarray:
    """An augmentation that keeps the number of an image and changes its last pixel."""
    changed = images.copy()
    changed[:, 3, 0, 0] = seed % 251 + 1
    return changed


def own(labelled: LabelledSet, unlabelled: UnlabelledSet | None = None, test: LabelledSet | None = None) -> Target:
    fit_labels = partial(NearestShot().fit, encoder=PixelEncoder())
    sizes = {"reference": 60, "held_out": 20, "test_size": 50}
    return own_target(labelled, unlabelled, test, **sizes, fit_labels=fit_labels, augment=shade, seed=0)


def test_every_label_is_used_and_every_unlabelled_image_has_one_place() -> None:
    labelled, unlabelled = numbered(), loose(100)
    target = own(labelled, unlabelled)
    assert target.counts.tolist() == [*COUNTS]
    assert sorted(numbers(target.shots.images)) == sorted(numbers(labelled.images))
    assert (np.diff(target.shots.labels) >= 0).all()
    more = target.unlabelled(unlabelled, 1000)
    assert sorted(numbers(more.images)) == sorted(numbers(unlabelled.images))
    assert (len(target.reference), len(target.held_out), len(more)) == (60, 20, 100)
    assert numbers(more.images[80:]) == numbers(target.held_out.images)
    assert target.test_labels is None
    assert len(target.test_images) == 0


def test_the_key_of_a_fold_holds_the_images_that_judge() -> None:
    """They have no labels there, and what was predicted of others is another thing."""
    target = own(numbered(), loose(100))
    judged = [replace(target, test_images=numbered(first=first).images[:4]) for first in (0, 300)]
    assert len({target.key, *(fold.key for fold in judged)}) == 3


def test_held_out_images_that_judge_are_left_to_judge() -> None:
    """One label a class and no test part: nothing else does, so that no head may learn from them."""
    single = numbered((1, 1, 1, 1))
    target, other = own(single, loose(100)), own(single, loose(100), numbered(first=500))
    assert target.is_judged_by_held_out
    assert not other.is_judged_by_held_out
    assert not {*numbers(target.unlabelled(loose(100), 1000).images)} & {*numbers(target.held_out.images)}
    assert len(other.unlabelled(loose(100), 1000)) == 100


def test_few_unlabelled_images_give_a_quarter_at_most_for_distances() -> None:
    target = own(numbered(), loose(8))
    assert (len(target.reference), len(target.held_out)) == (6, 2)
    with pytest.raises(DomainMismatchError, match="one unlabelled image"):
        own(numbered(), loose(1))


def test_without_unlabelled_images_no_original_has_copies_on_both_sides() -> None:
    target = own(numbered())
    reference, held_out = (set(numbers(part.images)) for part in (target.reference, target.held_out))
    assert target.is_copied
    assert not reference & held_out
    assert reference | held_out == set(numbers(target.shots.images))
    assert np.bincount(target.held_out.labels, minlength=4)[2] == 0  # the only one of its class is not set apart
    assert set(target.reference.labels) == {0, 1, 2, 3}
    assert len(target.reference) <= 60
    assert len(target.held_out) <= COPIES * len(held_out)
    assert any("no unlabelled images" in note for note in target.notes)


def test_copies_keep_the_labels_of_their_originals() -> None:
    target = own(numbered())
    truth = dict(zip(numbers(target.shots.images), target.shots.labels, strict=True))
    for part in (target.reference, target.held_out, target.relabel(lambda images: np.zeros(len(images))).reference):
        assert part.labels.tolist() == [truth[number] for number in numbers(part.images)]


def test_one_label_a_class_needs_unlabelled_images() -> None:
    with pytest.raises(DomainMismatchError, match="or set domain"):
        own(numbered((1, 1, 1)))
    target = own(numbered((1, 1, 1)), loose(40))
    assert any("3 classes have a single label (a, b, c)" in note for note in target.notes)


def test_a_test_set_may_lack_classes_and_is_limited_to_its_size() -> None:
    test = numbered((40, 0, 30, 0), first=2000)
    target = own(numbered(), loose(40), test)
    assert target.test_labels is not None
    assert len(target.test_images) == len(target.test_labels) == 50
    assert target.key != own(numbered(), loose(40)).key


def test_a_test_set_of_another_shape_is_refused() -> None:
    test = numbered(first=2000)
    with pytest.raises(DomainMismatchError, match="harmonize both alike"):
        own(numbered(), None, replace(test, images=test.images[:, :2]))
