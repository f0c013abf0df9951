"""TargetSets: what a target consists of: labelled images, images without labels, a test part; none in two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import PixelIndex, clean_target, clean_unlabelled, refuse_shared
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.file_pixels import SetRendering
from geosearch.data.loaders.registry import find_loader
from geosearch.data.read_report import list_some
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidDataError


@dataclass(frozen=True, eq=False)
class TargetSets:
    """The sets of a target as they were read, before they are resized.

    Attributes:
        train: labelled images.
        unlabelled: images without labels; None if there are none.
        test: the test part; None if there is none.
        whole: `train` with images that are also elsewhere in the target.
        index: all images of the target.
        contents: specification -> fingerprint of what was read.
    """

    train: LabelledSet
    unlabelled: UnlabelledSet | None
    test: LabelledSet | None
    whole: LabelledSet
    index: PixelIndex
    contents: Mapping[str, str]


def read_target(spec: str, unlabelled: str | None, test: str | None, options: dict[str, Any]) -> TargetSets:
    """Read the sets of a target; an image that is there twice has one place.

    Args:
        spec: of the labelled images.
        unlabelled, test: further sets, see `load_collection`.
        options: for `find_loader`.

    Raises:
        UnknownDatasetError, InvalidDataError: a set that cannot be loaded, or no label at all.
        DomainMismatchError: a test set with classes that the labels lack, or with labelled images.
    """
    train, loose, judges, rendering = _read_target(spec, options, with_test=test is None)
    options = {**options, "rendering": rendering}  # values mean in all of its sets what they mean in this one
    if test is not None:
        judges = _read_test(test, train, options)
    if unlabelled is not None:
        loose = _read_unlabelled(unlabelled, loose if unlabelled != spec else None, options)
    contents = {spec: train.fingerprint}
    if judges is not None:
        contents[f"{test or spec}, test part"] = judges.fingerprint
    if loose is not None:
        contents[f"{unlabelled or spec}, unlabelled"] = loose.fingerprint
    index = PixelIndex.of(*(part.images for part in (train, judges, loose) if part is not None))
    kept, tested = clean_target(train, judges)
    if loose is not None:
        loose = clean_unlabelled(loose, train, judges)
    return TargetSets(kept, loose, tested, train, index, contents)


def _read_target(
    spec: str, options: dict[str, Any], *, with_test: bool
) -> tuple[LabelledSet, UnlabelledSet | None, LabelledSet | None, SetRendering | None]:
    """The target's labelled images, those that it has without labels, its own test part, and how files were read."""
    with find_loader(spec, **options) as loader:
        if not loader.has_labels:
            raise InvalidDataError(
                f"target '{spec}' has no label at all: {loader.unlabelled_because}; label some images of every class "
                "(one is enough to begin with), and give the others as domain.unlabelled"
            )
        train = loader.read_labelled()
        loose = loader.read_unlabelled() if loader.has_unlabelled else None
        test = loader.read_labelled("test") if with_test and loader.has_test else None
        return train, loose, test, loader.rendering


def _read_test(spec: str, train: LabelledSet, options: dict[str, Any]) -> LabelledSet:
    """The test part of a target in another set, its labels as numbers of the target's classes.

    Raises:
        DomainMismatchError: it has classes that the target lacks, or images that are labelled images of it.
    """
    with find_loader(spec, **options) as loader:
        data = loader.read_labelled("test" if loader.has_test else "train")
    if unknown := [name for name in data.classes if name not in train.classes]:
        raise DomainMismatchError(
            f"the test set '{spec}' has classes that the labels of '{train.name}' lack: "
            f"{list_some(unknown, len(unknown), 5)}; label an image of each, or take them out of the test set "
            f"(the target's classes are {list_some(train.classes, len(train.classes), 10)})"
        )
    numbers = np.array([train.classes.index(name) for name in data.classes])
    data = replace(data, labels=numbers[data.labels], classes=train.classes, name=train.name)
    refuse_shared(train, data, spec)
    return data


def _read_unlabelled(spec: str, more: UnlabelledSet | None, options: dict[str, Any]) -> UnlabelledSet:
    """The unlabelled images of a set, followed by more."""
    with find_loader(spec, **options) as loader:
        data = loader.read_unlabelled()
    if more is None:
        return data
    parts = [
        harmonize(one, size=data.shape[0], fit=options["fit"], channels=max(data.shape[2], more.shape[2])).images
        for one in (data, more)
    ]
    names = [one.row_names for one in (data, more) if one.row_names is not None]
    return replace(data, images=np.concatenate(parts), row_names=np.concatenate(names) if len(names) == 2 else None)
