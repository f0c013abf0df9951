"""OwnTarget: a target of labels as they are, uneven and few, with unlabelled images and a test part or without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.read_report import list_some
from geosearch.data.target import Labeller, SealedLabels, Target, check_pair
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError

COPIES = 10  # of a labelled image in the reference, itself included, where there are no unlabelled images
HELD_OUT = 4  # one image in so many is held out, at most

Augment = Callable[[np.ndarray, int], np.ndarray]


def own_target(
    labelled: LabelledSet,
    unlabelled: UnlabelledSet | None = None,
    test: LabelledSet | None = None,
    *,
    reference: int,
    held_out: int,
    test_size: int | None = None,
    fit_labels: Callable[[LabelledSet, np.ndarray], Labeller],
    augment: Augment,
    seed: int,
) -> Target:
    """A target in which every label is used and nothing is hidden.

    Without unlabelled images, the reference is three quarters of the labelled images with augmented copies of them, and
    the held-out part the other quarter with its copies, so that distances are measured to images that no map has seen.

    >>> import numpy as np
    >>> from geosearch.data import load
    >>> digits = load("digits")
    >>> options = {"reference": 100, "held_out": 50, "augment": lambda images, seed: images, "seed": 0}
    >>> fit_labels = lambda shots, images: lambda images: np.zeros(len(images), np.int64)
    >>> target = own_target(digits.take(np.arange(37)), UnlabelledSet.of(digits), fit_labels=fit_labels, **options)
    >>> len(target.shots), int(target.counts.min()), len(target.reference), len(target.held_out), target.test_labels
    (37, 3, 100, 50, None)

    Args:
        labelled: all labelled images, from 1 a class up.
        unlabelled: images without labels; None if there are none.
        test: the test part; classes may be missing in it. None if there is none.
        reference: images at the base of the geodesics, at most.
        held_out: images for distances, at most; never more than a quarter.
        test_size: images of the test part, at most; all if None.
        fit_labels: fits a labeller to the shots and to the unlabelled images (n, h, w, ch).
        augment: makes an augmented copy of every image: (uint8 (n, h, w, ch), seed) -> the same shape; used without
            unlabelled images only.
        seed: of the division.

    Raises:
        DomainMismatchError: parts that do not fit together, a single unlabelled image, or no class with two labels
            where there are no unlabelled images.
        InvalidOptionError: a size below 1.
    """
    if reference < 1 or held_out < 1 or (test_size is not None and test_size < 1):
        raise InvalidOptionError(
            f"reference, held_out and test_size must be at least 1, got {reference}, {held_out} and {test_size}"
        )
    shots = labelled.sort_by_class()
    counts = np.bincount(shots.labels, minlength=len(shots.classes))
    notes = _note_singles(shots, counts)
    rows = {"shots": np.arange(len(shots)), "surplus": np.empty(0, np.int64)}
    if unlabelled is not None:
        _check_unlabelled(shots, unlabelled)
        order = np.argsort(seeds.stream(seed, "unlabelled", labelled.name).random(len(unlabelled)))
        apart = max(1, min(held_out, len(order) // HELD_OUT))
        rows |= {
            "held_out": order[:apart],
            "reference": order[apart:][:reference],
            "surplus": order[apart + reference :],
        }
        images = {part: unlabelled.images[rows[part]] for part in ("reference", "held_out")}
        labeller = fit_labels(shots, np.concatenate([*images.values()]))
        parts = {
            part: replace(shots, images=images[part], labels=labeller(images[part]), row_names=None) for part in images
        }
    else:
        _check_enough(shots, counts)
        rows |= _divide_originals(shots, counts, seed)
        sizes = {"reference": reference, "held_out": held_out}
        parts = {part: _copy(shots.take(rows[part]), sizes[part], augment, seed, part) for part in sizes}
        labeller = fit_labels(shots, parts["reference"].images)
        notes += (
            f"there are no unlabelled images: {len(rows['reference'])} labelled images with augmented copies "
            f"({len(parts['reference'])} in all) stand for the target, and {len(rows['held_out'])} others with theirs "
            f"({len(parts['held_out'])}) are what distances are measured to, so distances and maps know the target "
            "from these few images alone; set domain.unlabelled if you have more",
        )
    if test is not None:
        check_pair(shots, test)
        chosen = np.sort(seeds.stream(seed, "test", labelled.name).permutation(len(test))[:test_size])
        rows["test"], test = chosen, test.take(chosen)
    else:
        notes += ("there is no test set: the labels themselves judge the result",)
    return Target(
        labelled.name,
        labelled.classes,
        shots,
        reference=parts["reference"],
        held_out=parts["held_out"],
        test_images=shots.images[:0] if test is None else test.images,
        test_labels=None if test is None else SealedLabels(test.labels),
        rows=rows,
        test_from_train=False,
        labeller=labeller,
        is_copied=unlabelled is None,
        notes=notes,
    )


def set_aside(
    labelled: LabelledSet, test: LabelledSet | None, share: float, seed: int
) -> tuple[LabelledSet, LabelledSet]:
    """Some labelled images of every class, which become the test part, and the others: (others, set aside).

    Of a class of n labels a `share`, rounded down, so that at least one is left; a class with one or two may give none.

    Raises:
        DomainMismatchError: there is a test part already, or no class has labels enough.
    """
    if test is not None:
        raise DomainMismatchError(
            f"confirm.hold_out sets labels aside, but target '{labelled.name}' has a test part; leave one of the two "
            "out"
        )
    order, rows = seeds.stream(seed, "hold out", labelled.name).permutation(len(labelled)), []
    for label in range(len(labelled.classes)):
        own = order[labelled.labels[order] == label]
        rows.append(own[: min(int(share * len(own)), len(own) - 1)])
    chosen = np.sort(np.concatenate(rows))
    if not len(chosen):
        raise DomainMismatchError(
            f"confirm.hold_out = {share:g} sets no label of '{labelled.name}' aside: no class has "
            f"{int(np.ceil(1 / share))} labels; raise it, label more images, or leave it out (the labels then judge by "
            "cross-fitting)"
        )
    return labelled.take(np.setdiff1d(np.arange(len(labelled)), chosen)), labelled.take(chosen)


def describe_counts(counts: np.ndarray) -> str:
    """How many labelled images a target has, in words.

    >>> describe_counts(np.array([5, 5])), describe_counts(np.array([3, 17, 1]))
    ('5 labelled images for each of 2 classes', '21 labelled images of 3 classes, 1 to 17 a class')
    """
    least, most = int(counts.min()), int(counts.max())
    if least == most:
        return f"{least} labelled image{'s' * (least != 1)} for each of {len(counts)} classes"
    return f"{int(counts.sum()):,} labelled images of {len(counts)} classes, {least} to {most} a class"


def _note_singles(shots: LabelledSet, counts: np.ndarray) -> tuple[str, ...]:
    single = [shots.classes[label] for label in np.flatnonzero(counts == 1)]
    if not single:
        return ()
    has = "class has" if len(single) == 1 else "classes have"
    return (
        f"{len(single)} {has} a single label ({list_some(single, len(single), 5)}): that image is trained on in every "
        "fold and never predicted, so no validation error counts such a class",
    )


def _check_unlabelled(shots: LabelledSet, unlabelled: UnlabelledSet) -> None:
    if unlabelled.shape != shots.shape:
        raise DomainMismatchError(
            f"target '{shots.name}' has labelled images {shots.shape} and unlabelled ones {unlabelled.shape}; "
            "harmonize both alike"
        )
    if len(unlabelled) < 2:
        raise DomainMismatchError(
            f"'{unlabelled.name}' has one unlabelled image, but one is needed for the reference and another for "
            "distances; give more, or leave domain.unlabelled out"
        )


def _check_enough(shots: LabelledSet, counts: np.ndarray) -> None:
    if counts.max() < 2:
        raise DomainMismatchError(
            f"target '{shots.name}' has one label in each of its {len(counts)} classes and no unlabelled images, so "
            "there is nothing to measure an error on; label a second image of some class, or set domain.unlabelled"
        )


def _divide_originals(shots: LabelledSet, counts: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows of the reference and of the held-out part: of every class that has two images, a quarter, at least one."""
    order = seeds.stream(seed, "unlabelled", shots.name).permutation(len(shots))
    apart = [
        order[shots.labels[order] == label][: max(1, count // HELD_OUT)]
        for label, count in enumerate(counts)
        if count > 1
    ]
    held_out = np.sort(np.concatenate(apart))
    return {"reference": np.setdiff1d(np.arange(len(shots)), held_out), "held_out": held_out}


def _copy(originals: LabelledSet, size: int, augment: Augment, seed: int, part: str) -> LabelledSet:
    """The images, then augmented copies of all of them: `COPIES` of each, or as many as fit into `size`."""
    originals = originals.sample(size, seeds.stream(seed, "copies", part))
    whole = originals
    for number in range(1, min(COPIES, size // len(originals))):
        images = augment(originals.images, seeds.integer(seed, "copies", part, number))
        whole = whole.concatenate(replace(originals, images=images))
    return whole
