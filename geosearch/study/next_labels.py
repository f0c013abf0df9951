"""NextLabels: the images to label next, written as a contact sheet and a table to fill in."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geosearch.acquisition.automatic import Automatic
from geosearch.acquisition.base import ACQUISITIONS, LabelState
from geosearch.data.collection import TARGET
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.image_files import decode_images, median_size
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.train import features
from geosearch.pseudo_labels.ensemble import EnsembleLabeller
from geosearch.report.figures.contact_sheet import draw_contact_sheet
from geosearch.report.figures.style import png
from geosearch.runtime.atomic import atomic_dir, check_out
from geosearch.study.prepare import Prepared
from geosearch.study.study import Study

SHEET, TABLE = "sheet.png", "labels.csv"
_SHOWN = 320  # pixels, longer side of an image on the sheet


@dataclass(frozen=True)
class NextLabels:
    """The images to label next.

    Attributes:
        out: the folder with the contact sheet and the table.
        names: the images, the one to label first in front: files within the target's folder, or row numbers.
        unlabelled: number of images that they were chosen from.
        strategy: how they were chosen.
        labels_per_class: labelled images of a class, on average.
    """

    out: Path
    names: tuple[str, ...]
    unlabelled: int
    strategy: str
    labels_per_class: float

    @property
    def text(self) -> str:
        """What was chosen and what to do with it, in two lines."""
        chosen = (
            f"{len(self.names)} of {self.unlabelled:,} unlabelled images to label next, chosen as '{self.strategy}' "
            f"with {self.labels_per_class:.3g} labels a class: {self.out / SHEET}"
        )
        return f"{chosen}\nfill in the column 'label' of {self.out / TABLE}"


def choose_next_labels(study: Study, *, count: int, out: str | Path, strategy: str = "automatic") -> NextLabels:
    """Choose the unlabelled images of a study's target to label next, and write `out`, completely or not at all.

    Images are compared by the features of the best network that labels the study's reference, which its cache has, or
    else in the study's embedding.

    Args:
        study: the study; its data sets are loaded.
        count: number of images.
        out: a folder that does not exist yet, or is empty.
        strategy: a name of `ACQUISITIONS`.

    Raises:
        InvalidOptionError: no such strategy, no unlabelled images, or fewer than `count`.
        OutputExistsError: `out` is not empty.
    """
    check_out(out := Path(out))
    way, prepared = ACQUISITIONS.build(strategy, {}), study.prepared
    labelled, unlabelled = _divide(prepared)
    if count > len(unlabelled):
        raise InvalidOptionError(
            f"{count} images are asked for, but the target '{labelled.name}' has {len(unlabelled):,} without a label; "
            "lower --count"
        )
    encode = _encoder(prepared)
    state = LabelState(
        encode(unlabelled.images), encode(labelled.images), labelled.labels, class_count=len(labelled.classes)
    )
    rows = way.choose(state, count, seed=study.file.study.seed)
    chosen = unlabelled.take(rows)
    with atomic_dir(out) as folder:
        files = [_file(chosen, name) for name in _names(chosen)]
        images = prepared.pictures.show(TARGET, chosen.images) if prepared.pictures else chosen.images
        shown = [_read(file) if file else image for file, image in zip(files, images, strict=True)]
        (folder / SHEET).write_bytes(png(draw_contact_sheet(shown, _names(chosen))))
        _write_table(folder / TABLE, labelled, chosen, out)
    used = type(way.strategy(state)) if isinstance(way, Automatic) else type(way)
    named = next(entry.name for entry in ACQUISITIONS.entries() if entry.option is used)
    return NextLabels(out, _names(chosen), len(unlabelled), named, state.labels_per_class)


def _divide(prepared: Prepared) -> tuple[LabelledSet, LabelledSet | UnlabelledSet]:
    """The labelled images of the target, and those whose labels the study does not have or, in a benchmark, hides."""
    target, pool = prepared.target, prepared.pool
    if target.is_copied:
        raise InvalidOptionError(
            f"the target '{target.name}' has no unlabelled images to choose from; name some in domain.unlabelled"
        )
    free = np.sort(np.concatenate([target.rows[part] for part in ("reference", "held_out", "surplus")]))
    labelled = pool.take(target.rows["shots"]) if isinstance(pool, LabelledSet) else target.shots
    return labelled, pool.take(free)


def _encoder(prepared: Prepared) -> Callable[[np.ndarray], np.ndarray]:
    """The features in which images are compared: uint8 (n, h, w, ch) -> float (n, d)."""
    labeller = prepared.target.labeller
    if isinstance(labeller, EnsembleLabeller):
        best = labeller.networks[0]  # the first has the smallest leave-one-out error
        return lambda images: features(best, images)
    return prepared.anchors.encoder.encode


def _names(data: LabelledSet | UnlabelledSet) -> tuple[str, ...]:
    return tuple(map(str, np.arange(len(data)) if data.row_names is None else data.row_names))


def _file(data: LabelledSet | UnlabelledSet, name: str) -> Path | None:
    """The file of an image; None if it has none of its own."""
    place = Path(data.report.place) if data.report and data.report.place else None
    file = place / name if place else None
    return file if file and file.is_file() else None


def _read(file: Path) -> np.ndarray:
    """The image of a file, whole, at a size for the sheet: uint8 (h, w, 1 or 3)."""
    sides = median_size([file])
    width, height = (max(1, round(side * min(1.0, _SHOWN / max(sides)))) for side in sides)
    return decode_images([file], (width, height), file.name).images[0]


def _write_table(path: Path, labelled: LabelledSet, chosen: LabelledSet | UnlabelledSet, out: Path) -> None:
    """A row for each chosen image, in the order of the sheet, its label left empty; then the known labels."""

    def cell(data: LabelledSet | UnlabelledSet, name: str) -> str:
        file = _file(data, name)
        return Path(os.path.relpath(file.resolve(), out.resolve())).as_posix() if file else name

    rows = [(cell(chosen, name), "") for name in _names(chosen)]
    known = (labelled.classes[label] for label in labelled.labels)
    rows += [(cell(labelled, name), label) for name, label in zip(_names(labelled), known, strict=True)]
    in_files = _file(chosen, _names(chosen)[0]) is not None
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:  # names as the disk has them
        table = csv.writer(file)
        table.writerow(("file" if in_files else "row", "label"))
        table.writerows(rows)
