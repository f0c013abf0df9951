"""DatasetCollection: target and sources of a study, loaded, brought to one shape, and pseudo-labelled if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import clean_source
from geosearch.data.fit import Fit, check_fit
from geosearch.data.harmonization import harmonize, ink_margin, is_colored
from geosearch.data.loaders.base import OnDamaged
from geosearch.data.loaders.registry import find_loader
from geosearch.data.near_duplicates import ThumbnailIndex, clean_near_source
from geosearch.data.own_target import Augment, own_target, set_aside
from geosearch.data.read_report import ReadReport
from geosearch.data.target import Labeller, Target, cut_target, draw_shots, scale_to_classes
from geosearch.data.target_sets import read_target
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidDataError
from geosearch.runtime.cache import Cache

_AnySet = LabelledSet | UnlabelledSet
_Encoded = tuple[list[LabelledSet], UnlabelledSet | None, list[_AnySet]]
Encode = Callable[[list[LabelledSet], UnlabelledSet | None, list[_AnySet]], _Encoded]
TARGET = ""  # name of the target among the pictures
_DROPS_COLOR = (
    "the images are in color, and domain.channels = 1 drops it; set domain.channels = 3 if color helps to tell the "
    "classes apart"
)


@dataclass(frozen=True)
class DatasetCollection:
    """The target and the sources of a study, all of one image shape.

    Attributes:
        train: training part of the target: all its labelled images.
        test: test part of the target, if it has one of its own or another set is one.
        sources: the m sources.
        contents: specification -> fingerprint of what was loaded, before it was sampled and resized; a study adds
            those of what else it depends on.
        unlabelled: images of the target without labels; None if there are none.
        pictures: name of a source, or "" for the target's labelled images and those without labels -> its images, uint8
            (n, size, size, ch), where the sets hold something else in their place; empty where they hold images.
        test_pictures: the same of the test part; None if it holds images, or there is none.

    >>> collection = load_collection("digits", ["fonts/sans-digits"], size=12, channels=1, samples=100)
    >>> collection.sources
    (LabelledSet('fonts/sans-digits', 100 images (12, 12, 1), 10 classes),)
    >>> collection.parts(shots=5, reference=1000, held_out=400, test=2000)
    {'shots': 5, 'reference': 874, 'held_out': 291, 'test_size': 582}
    """

    train: LabelledSet
    test: LabelledSet | None
    sources: tuple[LabelledSet, ...]
    contents: Mapping[str, str] = field(default_factory=dict)
    unlabelled: UnlabelledSet | None = None
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    test_pictures: np.ndarray | None = None

    @property
    def reports(self) -> tuple[ReadReport, ...]:
        """The accounts of what was read: of the target's parts, then of the sources."""
        sets = (self.train, self.unlabelled, self.test, *self.sources)
        return tuple(data.report for data in sets if data is not None and data.report is not None)

    def parts(self, *, shots: int, reference: int, held_out: int, test: int) -> dict[str, int]:
        """Sizes of the target's parts (arguments of `cut_target`), lowered to what the target can give.

        With more than fifty classes, the reference and the held-out part grow in proportion, so that a class is not
        one image. Of a target without a test part of its own, at most a third of what the shots leave becomes the test
        part. At most a quarter of the rest is held out.
        """
        reference, held_out = (scale_to_classes(size, len(self.train.classes)) for size in (reference, held_out))
        spare = len(self.train) - shots * len(self.train.classes)
        test = min(test, len(self.test) if self.test else spare // 3)
        spare -= 0 if self.test else test
        held_out = min(held_out, spare // 4)
        return {
            "shots": shots,
            "reference": max(min(reference, spare - held_out), 1),
            "held_out": max(held_out, 1),
            "test_size": max(test, 1),
        }

    def target(
        self,
        *,
        shots: int | None,
        reference: int,
        held_out: int,
        test_size: int,
        fit_labels: Callable[[LabelledSet, np.ndarray], Labeller],
        augment: Augment,
        seed: int,
        hold_out: float = 0.0,
        without: np.ndarray | None = None,
    ) -> tuple[Target, LabelledSet | UnlabelledSet]:
        """The target of a study, and the images that its unlabelled parts were taken from.

        Args:
            shots: labelled images per class in a benchmark, whose other images lose their labels; None: all labels
                are used.
            reference, held_out, test_size: sizes at most, for up to fifty classes.
            fit_labels, augment, seed: as for `cut_target` and `own_target`.
            hold_out: share of the labelled images of every class that becomes the test part, where there is none.
            without: row numbers of the target's shots that are left out, as if they were not there.

        Raises:
            DomainMismatchError: too few images for all parts, or labels to hold out where there is a test part.
        """
        train = self.train
        if shots is not None and self.unlabelled is None:
            if hold_out:
                raise DomainMismatchError(
                    "confirm.hold_out sets labels aside, but a benchmark (domain.shots without domain.unlabelled) has "
                    "a test part; leave one of the two out"
                )
            parts = self.parts(shots=shots, reference=reference, held_out=held_out, test=test_size)
            return cut_target(train, self.test, **parts, fit_labels=fit_labels, seed=seed), train
        labelled, unlabelled = train, self.unlabelled
        if shots is not None and unlabelled is not None:  # the labels that the benchmark hides leave images without
            rows = draw_shots(train, shots, seed)
            labelled, rest = train.take(rows), np.setdiff1d(np.arange(len(train)), rows)
            images = np.concatenate([unlabelled.images, train.images[rest]])
            unlabelled = replace(unlabelled, images=images, row_names=None)
        test = self.test
        aside: tuple[str, ...] = ()
        if hold_out:
            every = len(labelled)
            labelled, test = set_aside(labelled, test, hold_out, seed)
            aside = (
                f"{len(test)} of {every} labels are set aside before anything looks at them, and judge the result",
            )
        if without is not None:
            labelled = labelled.sort_by_class()
            labelled = labelled.take(np.setdiff1d(np.arange(len(labelled)), without))
        reference, held_out = (scale_to_classes(size, len(train.classes)) for size in (reference, held_out))
        target = own_target(
            labelled,
            unlabelled,
            test,
            reference=reference,
            held_out=held_out,
            test_size=test_size,
            fit_labels=fit_labels,
            augment=augment,
            seed=seed,
        )
        return replace(target, notes=(*target.notes, *aside)), unlabelled or target.reference


def load_collection(
    target: str,
    sources: Sequence[str],
    *,
    size: int,
    channels: int,
    samples: int,
    fit: Fit = "crop",
    margin: Literal["keep", "match"] = "keep",
    polarity: Literal["keep", "light-on-dark"] = "keep",
    root: str | Path | None = None,
    download: bool = False,
    unlabelled: str | None = None,
    test: str | None = None,
    on_damaged: OnDamaged = "skip",
    labelling: Labelling | None = None,
    encode: Encode | None = None,
    cache: Cache | None = None,
    seed: int = 0,
) -> DatasetCollection:
    """Load the target and the sources of a study and bring them to one image shape.

    No image of the target, by its pixels, stays in a source, nor in two parts of the target (see `clean_target`).

    Args:
        target: specification of the target (see `load`).
        unlabelled: specification of images of the target without labels, at any depth of a folder; labels that they
            may have are not read. Images that `target` itself has without labels are added to them.
        test: specification of the target's test part; its test part if it has one of its own, else all of it. The
            target's own test part if None.
        on_damaged: "skip" passes over files that cannot be read, up to one in 20 of a class; "refuse" none.
        sources: specifications of the sources.
        size: height and width that all images are brought to, pixels.
        channels: 1 or 3.
        samples: images drawn from each source, at most, evenly over its classes.
        fit: how images that are not square become so: "crop", "pad" or "stretch" (see `harmonize`).
        margin: "match" pads sources whose ink fills the frame until their margin is the target's.
        polarity: "light-on-dark" inverts sets that are dark on light.
        root, download: of torchvision's sets, see `load`.
        labelling: gives pseudo-labels to sources without labels.
        encode: puts something else in place of the images of the target's parts and of the sources, such as
            activations, before labels are given.
        cache: where fitted embeddings are kept; the default cache if None.
        seed: of the drawn samples and of the labelling.

    Raises:
        UnknownDatasetError, InvalidDataError: a set that cannot be loaded, or a set without labels that nothing labels.
        DomainMismatchError: a source that is the target under another name, or has too little that is not the
            target's; a target of which too much is there twice; a test set that has classes which the labels lack, or
            shares images with them.
    """
    check_fit(fit)
    options: dict[str, Any] = {
        "root": root,
        "download": download,
        "size_hint": size,
        "fit": fit,
        "on_damaged": on_damaged,
    }
    parts = read_target(target, unlabelled, test, options)
    train, whole, contents = parts.train, parts.whole, {**parts.contents}
    if channels == 1 and is_colored(whole.images):
        train = _noted(train, _DROPS_COLOR)
    common: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "fit": fit,
        "margin": ink_margin(train, channels, fit) if margin == "match" else None,
        "polarity": polarity,
    }
    own_test = harmonize(parts.test, **common, judged_by=train) if parts.test else None
    loose = harmonize(parts.unlabelled, **common, judged_by=train) if parts.unlabelled else None
    train = harmonize(train, **common)
    thumbnails = ThumbnailIndex.of(own_test, train, loose)
    loaded: list[_AnySet] = []
    for spec in sources:
        with find_loader(spec, **options) as loader:
            source = loader.read()
        own = whole if isinstance(source, LabelledSet) else UnlabelledSet.of(whole)
        contents[spec] = source.fingerprint
        if contents[spec] == own.fingerprint:
            raise DomainMismatchError(f"source '{spec}' is the target '{target}' itself; take it out of the sources")
        source = clean_source(source, parts.index, train.name)
        rng = seeds.stream(seed, "sample", contents[spec])  # not by name: the path of a set does not matter
        source = harmonize(source.sample(samples, rng), **common)
        loaded.append(clean_near_source(source, thumbnails, train.name))
    named = _distinctly_named(loaded)
    pictures: dict[str, np.ndarray] = {}
    test_pictures = own_test.images if own_test and encode else None
    if encode is not None:
        shown = [train.images, *([loose.images] if loose else [])]
        pictures = {TARGET: np.concatenate(shown), **{source.name: source.images for source in named}}
        (train, *tests), loose, named = encode([train, *([own_test] if own_test else [])], loose, named)
        own_test = tests[0] if tests else None
    return DatasetCollection(
        train,
        own_test,
        _labelled(named, labelling, seed, cache),
        contents,
        loose,
        pictures,
        test_pictures,
    )


def _noted(data: LabelledSet, note: str) -> LabelledSet:
    """The set, with a further note in the account of its reader."""
    return replace(data, report=replace(data.report, notes=(*data.report.notes, note))) if data.report else data


def _distinctly_named(sources: list[_AnySet]) -> list[_AnySet]:
    """Append to a name that several sources share the number of the source, once more while the result is taken."""
    names = [source.name for source in sources]
    taken = {name for name in names if names.count(name) == 1}
    found = []
    for i, source in enumerate(sources, 1):
        if source.name in taken:
            found.append(source)
            continue
        name = f"{source.name}-{i}"
        while name in taken:
            name += f"-{i}"
        taken.add(name)
        found.append(replace(source, name=name))
    return found


def _labelled(
    sources: list[_AnySet], labelling: Labelling | None, seed: int, cache: Cache | None
) -> tuple[LabelledSet, ...]:
    """The sources, those without labels with pseudo-labels."""
    known = [source for source in sources if isinstance(source, LabelledSet)]
    found = []
    for source in sources:
        if isinstance(source, LabelledSet):
            found.append(source)
        elif labelling is None:
            raise InvalidDataError(
                f"source '{source.name}' has no labels, and the study does not say how to label it; set "
                'domain.pseudo_labeller to "g2l" (by geometry, from the other sources) or "clusters" (k-means), or '
                "give it labels"
            )
        else:
            found.append(labelling.label(source, known, seed=seed, cache=cache or Cache.default()))
    return tuple(found)
