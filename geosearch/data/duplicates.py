"""Duplicates: images with the same pixels, taken out where something would be judged on what it was trained on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.read_report import PassedFile, ReadReport, Reason, list_some
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError

_FLAT = np.uint64(0)  # instead of a hash
_CHUNK = 1024  # images hashed at a time


@dataclass(frozen=True, eq=False)
class PixelIndex:
    """Images that can be found again by their pixels.

    >>> import numpy as np
    >>> images = np.arange(64, dtype=np.uint8).reshape(4, 4, 4, 1)
    >>> PixelIndex.of(images[:2]).find(images)
    array([ True,  True, False, False])

    Attributes:
        hashes: uint64, sorted, distinct.
    """

    hashes: np.ndarray

    @classmethod
    def of(cls, *images: np.ndarray) -> PixelIndex:
        """The index of some arrays of images, uint8 (n, h, w, ch)."""
        hashes = np.unique(np.concatenate([*map(hash_pixels, images)]))
        return cls(hashes[hashes != _FLAT])

    def find(self, images: np.ndarray) -> np.ndarray:
        """Which images are in the index: uint8 (n, h, w, ch) -> bool (n,)"""
        return self.find_hashes(hash_pixels(images))

    def find_hashes(self, hashes: np.ndarray) -> np.ndarray:
        """The same of images that are hashed already: uint64 (n,) -> bool (n,)"""
        return np.isin(hashes, self.hashes)

    def count_shared(self, other: PixelIndex) -> int:
        """How many different images are in both."""
        return len(np.intersect1d(self.hashes, other.hashes))


@dataclass(frozen=True)
class Repeats:
    """Images that one set holds more than once.

    >>> import numpy as np
    >>> images = np.arange(64, dtype=np.uint8).reshape(4, 4, 4, 1)
    >>> Repeats.of(images[[0, 0, 0, 1, 1, 2]], np.array([0, 0, 0, 0, 1, 1]))
    Repeats(copies=2, contradictory=2)

    Attributes:
        copies: images with the pixels of an earlier one, under its label.
        contradictory: images whose pixels are under several labels.
    """

    copies: int = 0
    contradictory: int = 0

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray | None = None) -> Repeats:
        """Those of uint8 (n, h, w, ch) images, with their labels int64 (n,) if they have some."""
        found = Counter(_repeats(hash_pixels(images), np.zeros(len(images), np.int64) if labels is None else labels))
        return cls(found[Reason.DUPLICATE], found[Reason.TWO_LABELS])

    def sentences(self, *, stay: bool) -> tuple[str, ...]:
        """One for each kind that there is; `stay`: whether a study leaves them in, as it does in a source."""
        kinds = (
            (self.copies, Reason.DUPLICATE, "each image counts once"),
            (self.contradictory, Reason.TWO_LABELS, "they are left out"),
        )
        return tuple(
            f"{reason.value}: {count:,} {'image' if count == 1 else 'images'}; {'they stay' if stay else otherwise}"
            for count, reason, otherwise in kinds
            if count
        )


def hash_pixels(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, ch) -> uint64 (n,), equal for equal pixels, different for others but for one pair in 1e19.

    Color images whose channels are equal hash as their grey ones do. Images of one flat color all hash as 0: they show
    nothing, so equal ones are no copies of each other.
    """
    key = "{} {}".format(*images.shape[1:3]).encode()
    hashes = [np.zeros(0, np.uint64)]
    for start in range(0, len(images), _CHUNK):
        pixels = np.ascontiguousarray(images[start : start + _CHUNK])
        flat = _all_equal(pixels, pixels[:, :1, :1])
        grey = flat if pixels.shape[-1] == 1 else _all_equal(pixels, pixels[..., :1])
        shown = [image[..., :1] if is_grey else image for image, is_grey in zip(pixels, grey, strict=True)]
        digests = [hashlib.blake2b(image.tobytes(), digest_size=8, key=key).digest() for image in shown]
        hashes.append(np.where(flat, _FLAT, np.frombuffer(b"".join(digests), np.uint64)))
    return np.concatenate(hashes)


def _all_equal(pixels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Images that equal another array everywhere, both (n, h, w, ch) but for broadcasting -> bool (n,)"""
    equal = (pixels[:, ::4, ::4] == wanted[:, ::4, ::4]).all((1, 2, 3))  # most differ here already
    equal[equal] = (pixels[equal] == wanted[equal]).all((1, 2, 3))
    return equal


def clean_target(train: LabelledSet, test: LabelledSet | None) -> tuple[LabelledSet, LabelledSet | None]:
    """The parts of a target without images that are there twice, so that no two of its parts share an image.

    An image that is in both parts stays in the test part. One that is under several labels of a part is left out.
    One that is repeated under its label is kept once. The sets' reports say how many were left out.

    Raises:
        DomainMismatchError: no image is left of a class of the training part, or of the whole test part.
    """
    reasons, hashes = _no_reasons(train), hash_pixels(train.images)
    if test is not None:
        test_hashes = hash_pixels(test.images)
        reasons[np.isin(hashes, test_hashes[test_hashes != _FLAT])] = Reason.TEST_COPY
        repeats = _repeats(test_hashes, test.labels)
        if len(test) and not _kept(repeats).any():
            raise DomainMismatchError(
                f"target '{train.name}': every image of its test part is under several labels; give each one label"
            )
        if not _kept(repeats).all():
            test = replace(test.take(_kept(repeats)), report=_report(test, repeats))
    rest = np.flatnonzero(_kept(reasons))
    reasons[rest] = _repeats(hashes[rest], train.labels[rest])
    if _kept(reasons).all():
        return train, test
    cleaned = train.take(_kept(reasons))
    left = np.isin(train.labels, cleaned.labels)
    if not left.all():
        label = train.labels[~left][0]
        found = Counter(reasons[train.labels == label])
        raise DomainMismatchError(
            f"target '{train.name}': no image of class '{train.classes[label]}' can be used, "
            f"{', '.join(f'{count:,} {reason.value}' for reason, count in found.items())}; "
            "keep every image in one part and under one label"
        )
    return replace(cleaned, report=_report(train, reasons)), test


def clean_unlabelled(data: UnlabelledSet, labelled: LabelledSet, test: LabelledSet | None) -> UnlabelledSet:
    """The unlabelled images of a target without those that are labelled, or in its test part, and without repeats.

    Raises:
        DomainMismatchError: nothing is left.
    """
    reasons = _repeats(hash_pixels(data.images), np.zeros(len(data), np.int64))
    reasons[PixelIndex.of(labelled.images).find(data.images)] = Reason.LABELLED_COPY
    if test is not None:
        reasons[PixelIndex.of(test.images).find(data.images)] = Reason.TEST_COPY
    if not (kept := _kept(reasons)).any():
        raise DomainMismatchError(
            f"all {len(data):,} images of '{data.name}' are labelled or test images of the target; leave "
            "domain.unlabelled out, or give other images"
        )
    return data if kept.all() else replace(data.take(kept), report=_report(data, reasons))


def refuse_shared(labelled: LabelledSet, test: LabelledSet, spec: str) -> None:
    """Refuse a test set with images that are labelled images of the target.

    Raises:
        DomainMismatchError: there are such images; the message names some.
    """
    shared = PixelIndex.of(labelled.images).find(test.images)
    if not shared.any():
        return
    rows = np.flatnonzero(shared)
    names = rows if test.row_names is None else test.row_names[rows]
    raise DomainMismatchError(
        f"{len(rows):,} of {len(test):,} images of the test set '{spec}' are labelled images of '{labelled.name}' too "
        f"({list_some(map(str, names), len(rows))}), so that it would be judged on what it was trained on; "
        "keep every image in one of them"
    )


def clean_source(source: LabelledSet | UnlabelledSet, target: PixelIndex, name: str) -> LabelledSet | UnlabelledSet:
    """A source without the images that are in the target, of which `name` is the name.

    What is repeated within the source stays, and its report says how much that is. A class of which no image is left
    is dropped.

    Raises:
        DomainMismatchError: nothing is left, or of a labelled source no two classes.
    """
    hashes = hash_pixels(source.images)
    found = target.find_hashes(hashes)
    rest = leave_out_of_source(source, found, name)
    labels = source.labels if isinstance(source, LabelledSet) else np.zeros(len(source), np.int64)
    return _with_notes(rest, _repeat_notes(hashes[~found], labels[~found]))


def leave_out_of_source(
    source: LabelledSet | UnlabelledSet, found: np.ndarray, name: str
) -> LabelledSet | UnlabelledSet:
    """A source without the images that were found in the target, of which `name` is the name.

    Args:
        source: the source.
        found: which of its images are in the target, bool (n,).
        name: of the target.

    Raises:
        DomainMismatchError: as `clean_source`.
    """
    if not found.any():
        return source
    if found.all():
        raise DomainMismatchError(
            f"all {len(found):,} images of source '{source.name}' are images of the target '{name}'; take it out of "
            "the sources"
        )
    reasons = _no_reasons(source)
    reasons[found] = Reason.TARGET_COPY
    rest = replace(source.take(~found), report=_report(source, reasons))
    return _drop_empty_classes(rest, name) if isinstance(rest, LabelledSet) else rest


def _no_reasons(data: LabelledSet | UnlabelledSet) -> np.ndarray:
    """object (n,), all None"""
    return np.full(len(data), None, object)


def _kept(reasons: np.ndarray) -> np.ndarray:
    """object (n,) -> bool (n,), True where there is no reason to leave an image out"""
    return np.array([reason is None for reason in reasons], bool)


def _repeats(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Why images are to be left out that have the pixels of another one of their set.

    Args:
        hashes: uint64 (n,), of the images.
        labels: int64 (n,).

    Returns:
        object (n,), None to keep.
    """
    reasons = np.full(len(hashes), None, object)
    _, first, group, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    repeated = (counts[group] > 1) & (hashes != _FLAT)
    if repeated.any():
        reasons[repeated & (first[group] != np.arange(len(hashes)))] = Reason.DUPLICATE
        pairs = np.unique(np.stack([group, labels]), axis=1)  # (2, distinct pairs of pixels and label)
        reasons[repeated & (np.bincount(pairs[0])[group] > 1)] = Reason.TWO_LABELS
    return reasons


def _repeat_notes(hashes: np.ndarray, labels: np.ndarray) -> list[str]:
    """What is repeated within a set, of which everything stays."""
    found, count = Counter(_repeats(hashes, labels)), len(hashes)
    kinds = (Reason.DUPLICATE, Reason.TWO_LABELS)
    return [f"{found[reason]:,} of {count:,} images are {reason.value}; they stay" for reason in kinds if found[reason]]


def _report(data: LabelledSet | UnlabelledSet, reasons: np.ndarray) -> ReadReport | None:
    """The report of a set, with the images that were left out for these reasons."""
    report, rows = data.report, np.flatnonzero(~_kept(reasons))
    if report is None or not len(rows):
        return report
    names = rows if data.row_names is None else data.row_names[rows]
    groups = [data.classes[data.labels[row]] if isinstance(data, LabelledSet) else "" for row in rows]
    files = [f"image {name}" if str(name).isdigit() else str(name) for name in names]
    passed = [PassedFile(*each) for each in zip(files, reasons[rows], groups, strict=True)]
    lost = Counter(groups)
    return replace(
        report,
        taken=report.taken - len(rows),
        passed=(*report.passed, *passed),
        by_class=tuple((name, count - lost[name]) for name, count in report.by_class),
    )


def _drop_empty_classes(data: LabelledSet, target: str) -> LabelledSet | UnlabelledSet:
    present, labels = np.unique(data.labels, return_inverse=True)
    if len(present) < 2:
        raise DomainMismatchError(
            f"source '{data.name}' has but one class, '{data.classes[present[0]]}', without the images that are also "
            f"in the target '{target}'; take it out of the sources"
        )
    if len(present) == len(data.classes):
        return data
    gone = [name for number, name in enumerate(data.classes) if number not in present]
    classes = tuple(data.classes[number] for number in present)
    rest = replace(data, labels=labels.astype(np.int64), classes=classes)
    return _with_notes(rest, [f"without class {', '.join(gone)}, whose images are all in the target"])


def _with_notes(data: LabelledSet | UnlabelledSet, notes: list[str]) -> LabelledSet | UnlabelledSet:
    """The set, with further notes in the account of its reader."""
    if not notes or data.report is None:
        return data
    return replace(data, report=replace(data.report, notes=(*data.report.notes, *notes)))
