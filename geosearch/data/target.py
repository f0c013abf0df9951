"""Target: few labelled images (shots), unlabelled images (reference, held-out) and, where there is one, a test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.runtime.cache import content_key

_CLASSES = 50  # up to so many, the unlabelled parts are as large as asked
_TEST_SHARE = 5  # without a test part of its own, a set gives one image in this many


class Labeller(Protocol):
    """Labels for images that have none."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w, ch) -> int64 (n,), row numbers of the shots' classes."""
        ...


@dataclass(frozen=True, eq=False)
class SealedLabels:
    """True labels of the test part, which only the confirmation may read."""

    _labels: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self._labels)

    def reveal(self) -> np.ndarray:
        """int64 (p,). Only `geosearch.confirmation.confirm` may call this; a test says so."""
        return self._labels


@dataclass(frozen=True)
class UnlabelledCounts:
    """Numbers of images in the parts without labels, in the order in which `Target.unlabelled` takes them.

    >>> counts = UnlabelledCounts(reference=100, surplus=30, held_out=50)
    >>> [counts.seen(used) for used in (0, 120, 150, 180)]
    [150, 170, 180, 180]
    """

    reference: int
    surplus: int
    held_out: int

    def seen(self, used: int) -> int:
        """How many are in the reference, held out, or among the first `used`."""
        return max(self.reference, min(used, self.reference + self.surplus)) + self.held_out


@dataclass(frozen=True, eq=False)
class Target:
    """The few-shot target of a study, made by `cut_target` (a benchmark) or `own_target` (labels of one's own).

    The parts are disjoint. `reference` and `held_out` have pseudo-labels, never true ones; a class may have no image
    there. A target without unlabelled images is another matter, see `is_copied`.

    >>> import numpy as np
    >>> from geosearch.data import cut_target, load
    >>> def fit_labels(shots, images):  # a real one learns from the shots
    ...     return lambda images: np.zeros(len(images), np.int64)
    >>> target = cut_target(load("digits"), shots=5, reference=100, held_out=50, fit_labels=fit_labels, seed=0)
    >>> len(target.shots), len(target.reference), len(target.held_out), len(target.test_images)
    (50, 100, 50, 359)

    Attributes:
        name: the set's name; classes: its c class names.
        shots: the labelled images, sorted by class; equally many of every class in a benchmark, else from 1 a class up.
        reference: the base of the geodesics.
        held_out: unlabelled images that distances are measured to.
        test_images: uint8 (p, h, w, ch); p = 0 without a test part.
        test_labels: the labels of `test_images`; None without a test part.
        rows: name of a part -> its row numbers in the training part; for "test" those in the test part, unless
            `test_from_train`. "surplus" are the images of the training part that no other part uses.
        test_from_train: whether the test part was cut from the training part, since the set has none of its own.
        labeller: what gives the pseudo-labels.
        is_copied: whether there are no unlabelled images, so that `reference` and `held_out` are the labelled images
            themselves and augmented copies of them, under their true labels; no image has copies in both.
        notes: what a person should know of how the parts were made, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    shots: LabelledSet
    reference: LabelledSet
    held_out: LabelledSet
    test_images: np.ndarray
    test_labels: SealedLabels | None
    rows: Mapping[str, np.ndarray]
    test_from_train: bool
    labeller: Labeller
    is_copied: bool = False
    notes: tuple[str, ...] = ()

    def relabel(self, labeller: Labeller) -> Target:
        """The same parts with other pseudo-labels; shots, test part and copies of the shots stay as they are."""
        if self.is_copied:
            return replace(self, labeller=labeller)
        reference, held_out = (replace(p, labels=labeller(p.images)) for p in (self.reference, self.held_out))
        return replace(self, reference=reference, held_out=held_out, labeller=labeller)

    @property
    def judges_itself(self) -> bool:
        """Whether there is no test part, and some class has two labels, so that one can judge what the other made."""
        return self.test_labels is None and int(self.counts.max()) > 1

    @property
    def is_judged_by_held_out(self) -> bool:
        """Whether nothing else judges: there is no test part, and no class has two labels."""
        return self.test_labels is None and not self.judges_itself

    @property
    def counts(self) -> np.ndarray:
        """int64 (c,) labelled images of each class."""
        return np.bincount(self.shots.labels, minlength=len(self.classes))

    @property
    def unlabelled_counts(self) -> UnlabelledCounts:
        """How many images there are without labels."""
        return UnlabelledCounts(len(self.reference), len(self.rows["surplus"]), len(self.held_out))

    def unlabelled(self, train: LabelledSet | UnlabelledSet, count: int) -> UnlabelledSet:
        """The images without labels: the reference, then those of `train` that no part uses, then `held_out`.

        What learns from images alone may have them all. The held-out ones come last, since maps may not; they are left
        out where they judge (`is_judged_by_held_out`). Without images of their own, the parts are copies of the
        labelled ones (`is_copied`).

        Args:
            train: the images that the unlabelled parts were taken from.
            count: images wanted; there may be fewer, and the reference is never cut.
        """
        held_out = self.held_out.images[:0] if self.is_judged_by_held_out else self.held_out.images
        images = np.concatenate([self._mappable(train, count), held_out])
        return UnlabelledSet(images[: max(count, len(self.reference))], train.name, train.license)

    def with_surplus(self, train: LabelledSet | UnlabelledSet, count: int) -> LabelledSet:
        """The reference and images of `train` that no part uses, with pseudo-labels.

        Args:
            train: the images that the unlabelled parts were taken from.
            count: images wanted; there may be fewer.
        """
        more = self._mappable(train, count)[len(self.reference) :]
        if not len(more):
            return self.reference.take(np.arange(min(count, len(self.reference))))
        return self.reference.concatenate(replace(self.reference, images=more, labels=self.labeller(more)))

    def _mappable(self, train: LabelledSet | UnlabelledSet, count: int) -> np.ndarray:
        """The images of the reference, and of `train` that no part uses, up to `count`."""
        reference = self.reference.images
        return np.concatenate([reference, train.images[self.rows["surplus"][: max(count - len(reference), 0)]]])

    @cached_property
    def key(self) -> str:
        """Content key of all parts, the test labels included, where there are any: a fold is judged elsewhere."""
        parts: list[LabelledSet | UnlabelledSet] = [self.shots, self.reference, self.held_out]
        if self.test_labels is not None:
            parts.append(replace(self.shots, images=self.test_images, labels=self.test_labels._labels))
        elif len(self.test_images):
            parts.append(UnlabelledSet(self.test_images, self.name))
        return content_key("target", parts=[part.fingerprint for part in parts])


def scale_to_classes(size: int, classes: int) -> int:
    """Images of an unlabelled part, of a size for at most fifty classes: more classes, in proportion more images.

    >>> scale_to_classes(1000, 10), scale_to_classes(1000, 47), scale_to_classes(1000, 200)
    (1000, 1000, 4000)
    """
    return -(-size * max(classes, _CLASSES) // _CLASSES)


def cut_target(
    train: LabelledSet,
    test: LabelledSet | None = None,
    *,
    shots: int,
    reference: int | None,
    held_out: int,
    test_size: int | None = None,
    fit_labels: Callable[[LabelledSet, np.ndarray], Labeller],
    seed: int,
) -> Target:
    """Cut a fully labelled set into the parts of a few-shot target, as a benchmark; the same seed gives the same cut.

    The cut is nested: more shots contain the fewer shots, a larger reference contains the smaller one. Labels decide
    about the shots only.

    Args:
        train: the training part, with true labels.
        test: the test part; cut from `train` if None.
        shots: labelled images per class.
        reference: unlabelled images at the base of the geodesics; all that are left if None.
        held_out: unlabelled images for distances.
        test_size: images of the test part. Of `test` at most so many, all if None; of `train` exactly so many, a
            fifth of it if None.
        fit_labels: fits a labeller to the shots and to the unlabelled images (n, h, w, ch).
        seed: seed of the cut.

    Raises:
        DomainMismatchError: a class with fewer images than shots, or too few images for all parts.
        InvalidOptionError: a size below 1.
    """
    if shots < 1 or held_out < 1 or (reference is not None and reference < 1):
        raise InvalidOptionError(
            f"shots, reference and held_out must be at least 1, got {shots}, {reference} and {held_out}"
        )
    if test_size is not None and test_size < 1:
        raise InvalidOptionError(f"test_size must be at least 1, got {test_size}")
    if test is not None:
        check_pair(train, test)
    shot_rows = draw_shots(train, shots, seed)
    rest = np.setdiff1d(np.arange(len(train)), shot_rows)
    rest = rest[np.argsort(seeds.stream(seed, "unlabelled", train.name).random(len(train))[rest])]
    if test is None:
        wanted = test_size if test_size is not None else len(train) // _TEST_SHARE
        test_rows, rest, source = rest[:wanted], rest[wanted:], train
        taken = f", {wanted} for the test"
    else:
        order = seeds.stream(seed, "test", train.name).permutation(len(test))
        test_rows, source, taken = np.sort(order[:test_size]), test, ""
        wanted = 0
    if held_out + (reference or 1) > len(rest) or len(test_rows) == 0:
        raise DomainMismatchError(
            f"target '{train.name}' has {len(train)} training images; {len(shot_rows)} go to the shots{taken}, "
            f"{held_out} to held_out, {reference or 'at least 1'} to the reference: "
            f"{len(shot_rows) + wanted + held_out + (reference or 1) - len(train)} too many; "
            "lower domain.reference, domain.held_out or domain.test_size"
        )
    rows = {
        "shots": shot_rows,
        "reference": rest[held_out:][:reference],
        "held_out": rest[:held_out],
        "surplus": rest[held_out + (reference or len(rest)) :],
        "test": test_rows,
    }
    labelled = train.take(shot_rows)
    base, apart = train.images[rows["reference"]], train.images[rows["held_out"]]
    labeller = fit_labels(labelled, np.concatenate([base, apart]))
    return Target(
        train.name,
        train.classes,
        labelled,
        reference=replace(labelled, images=base, labels=labeller(base)),
        held_out=replace(labelled, images=apart, labels=labeller(apart)),
        test_images=source.images[test_rows],
        test_labels=SealedLabels(source.labels[test_rows]),
        rows=rows,
        test_from_train=test is None,
        labeller=labeller,
    )


def _repeats(train: LabelledSet) -> str:
    """What the set has lost because it was there twice, in brackets; empty if nothing."""
    counts = train.report.counts() if train.report else {}
    lost = [f"{count:,} {reason.value}" for reason, count in counts.items() if reason.repeated]
    return f" (left out: {', '.join(lost)})" if lost else ""


def draw_shots(train: LabelledSet, shots: int, seed: int) -> np.ndarray:
    """The first `shots` rows of every class in a seeded order -> (c * shots,), sorted by class.

    Raises:
        DomainMismatchError: a class with fewer images than shots.
    """
    counts = np.bincount(train.labels, minlength=len(train.classes))
    poorest = int(counts.argmin())
    if counts[poorest] < shots:
        raise DomainMismatchError(
            f"target '{train.name}': class '{train.classes[poorest]}' has {counts[poorest]} images, fewer than "
            f"{shots} shots{_repeats(train)}; lower domain.shots to {counts[poorest]} at most, or drop the class"
        )
    order = seeds.stream(seed, "shots", train.name).permutation(len(train))
    by_class = (order[train.labels[order] == label][:shots] for label in range(len(train.classes)))
    return np.concatenate(list(by_class))


def check_pair(train: LabelledSet, test: LabelledSet) -> None:
    """Refuse a test part of other classes or another image shape."""
    if train.classes != test.classes:
        raise DomainMismatchError(
            f"target '{train.name}' has {len(train.classes)} classes in its training part and "
            f"{len(test.classes)} (or other names) in its test part; both must share one list of classes"
        )
    if train.shape != test.shape:
        raise DomainMismatchError(
            f"target '{train.name}' has images {train.shape} in its training part and {test.shape} in its test "
            "part; harmonize both alike"
        )
