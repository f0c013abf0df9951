"""CuratedDataset: the result of a curation, written as a list, a page, and a data set of the kept samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geosearch.adaptation.ridge import one_hot
from geosearch.curation.curation import Curation
from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import PixelIndex
from geosearch.data.harmonization import harmonize, warn_of_lost_color
from geosearch.data.license import CARD, license_comment
from geosearch.data.loaders.registry import load
from geosearch.data.near_duplicates import ThumbnailIndex
from geosearch.data.sample_list import LIST, render_list, source_files
from geosearch.data.writers.base import Contents, Writer
from geosearch.data.writers.write import BATCH
from geosearch.embeddings.base import Embedding
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.report.curation_page import render_curation_page
from geosearch.runtime.atomic import atomic_dir, check_out
from geosearch.runtime.progress import Progress

PAGE = "index.html"
Task = Literal["detect", "reweight", "extend"]


@dataclass(frozen=True)
class CuratedDataset:
    """The result of a curation, and where it was written.

    Attributes:
        sentence: the result, for people.
        out: the folder.
        kept: number of samples with positive weight; after "detect", of samples that do not look mislabelled.
        size: number of all samples, without those that were left out.
        left_out: number of samples that are images of the target.
    """

    sentence: str
    out: str
    kept: int
    size: int
    left_out: int = 0


def curate_dataset(
    spec: str,
    *,
    task: Task,
    target: str | None = None,
    embedding: Embedding,
    size: int = 28,
    channels: int = 1,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
    out: Path,
    writer: Writer,
    progress: Progress | None = None,
) -> CuratedDataset:
    """Curate a data set and write what was found into the folder `out`, completely or not at all.

    Samples that are images of the target are left out: they would predict their own labels in its leave-one-out error.

    Args:
        spec: the set (see `geosearch.load`).
        task: "detect": list and page of harmful samples; "reweight": the samples of positive weight as a data set,
            their weights in the list; "extend": the samples worth adding to the target, in their order.
        target: the set that it is used for; needed by "extend".
        embedding: features of the ridge head; see `Curation.of`.
        size, channels: of the images from which features are computed; images are written as they are, files of
            several sizes at the median size.
        root, download: of torchvision's sets; see `geosearch.load`.
        seed: of the embedding.
        out: a folder that does not exist yet, or is empty.
        writer: format of the data set.
        progress: listens to the run; the log if None.

    Raises:
        InvalidOptionError: "extend" without a target.
        DomainMismatchError: all samples are images of the target, or it lacks a class of theirs.
        OutputExistsError: `out` is not empty.
    """
    if task == "extend" and target is None:
        raise InvalidOptionError("--task extend needs --target: the core set that the samples are to join")
    check_out(Path(out))
    at: dict[str, Any] = {"root": root, "download": download}
    original, core = load(spec, **at), _load_target(target, size_hint=size, **at)
    warn_of_lost_color(original, *core, channels=channels)
    shapes: dict[str, Any] = {"size": size, "channels": channels}
    copied = _find_copies(load(spec, size_hint=size, **at) if core else original, *core, **shapes)
    original = original.take(~copied) if copied.any() else original
    sets = [harmonize(one, **shapes) for one in (original, *core)]
    curation = Curation.of(sets[0], *sets[1:], embedding=embedding, seed=seed, progress=progress)
    shown = LabelledSet(
        original.images,
        curation.data.labels,
        curation.classes,
        original.name,
        original.license,
        report=original.report,
        row_names=original.row_names,
    )
    with atomic_dir(out) as folder:
        if task == "detect":
            return _write_detection(curation, shown, copied, folder, out)
        if task == "reweight":
            found = curation.reweight()
            weights, rows, sentence = found.weights, np.flatnonzero(found.weights > 0), found.sentence
        else:
            extension = curation.extend()
            rows, sentence = extension.taken, extension.sentence
            weights = np.isin(np.arange(len(shown)), rows).astype(float)
        sentence += _left_out(copied)
        _write_weights(folder, shown, np.flatnonzero(~copied), weights, rows, in_order=task == "extend")
        if len(rows):
            _write_set(shown.take(rows), folder, out, writer)
        (folder / CARD).write_text(
            _card(shown, task, target, sentence, writer.layout if len(rows) else ""), encoding="utf-8"
        )
    return CuratedDataset(sentence, str(out), len(rows), len(shown), int(copied.sum()))


def _load_target(target: str | None, **options: Any) -> Sequence[LabelledSet]:
    return () if target is None else (load(target, **options),)


def _find_copies(pool: LabelledSet, *target: LabelledSet, **shapes: Any) -> np.ndarray:
    """Which images of the pool are the target's, by their pixels or but for rounding: bool (n,); none without a target.

    Both sets are read at the size that `shapes` asks for, as those of a study are: files that are resized twice differ.

    Raises:
        DomainMismatchError: all are.
    """
    found = np.zeros(len(pool), bool)
    for core in target:
        found |= PixelIndex.of(core.images).find(pool.images)
        seen, thumbnails = harmonize(pool, **shapes), ThumbnailIndex.of(harmonize(core, **shapes))
        found |= thumbnails.find(seen.images)[1]
        if found.all():
            raise DomainMismatchError(
                f"all {len(pool):,} images of '{pool.name}' are images of the target '{core.name}'; leave --target out "
                "to curate a set for itself, or name another target"
            )
    return found


def _left_out(copied: np.ndarray) -> str:
    """How many images were left out, to be added to a sentence; empty if none was."""
    if not (count := int(copied.sum())):
        return ""
    return f"; {count:,} left out, as {'it is an image' if count == 1 else 'they are images'} of the target"


def _write_detection(
    curation: Curation, shown: LabelledSet, copied: np.ndarray, folder: Path, out: Path
) -> CuratedDataset:
    found = curation.detect()
    names, files, numbers = shown.classes, source_files(shown), np.flatnonzero(~copied)
    _write_list(
        folder,
        ("rank", "row", "file", "given", "likely", "derivative", "squared_error", "harmful", "mislabelled"),
        [
            (
                rank,
                numbers[row],
                files[row],
                names[found.given[row]],
                names[found.likely[row]],
                f"{found.derivative[row]:.6g}",
                f"{found.squared_errors[row]:.6g}",
                int(found.harmful[row]),
                int(found.mislabelled[row]),
            )
            for rank, row in enumerate(found.ranking, 1)
        ],
    )
    name = curation.target.name if curation.target else None
    places = [file or f"row {number}" for file, number in zip(files, numbers, strict=True)]
    (folder / PAGE).write_text(render_curation_page(shown, found, places=places, target=name), encoding="utf-8")
    harmful, mislabelled = int(found.harmful.sum()), int(found.mislabelled.sum())
    sentence = f"{mislabelled} of {len(shown)} samples look mislabelled; {harmful - mislabelled} others do harm"
    sentence += _left_out(copied)
    return CuratedDataset(sentence, str(out), len(shown) - mislabelled, len(shown), int(copied.sum()))


def _write_weights(
    folder: Path, shown: LabelledSet, numbers: np.ndarray, weights: np.ndarray, rows: np.ndarray, *, in_order: bool
) -> None:
    """Write the list of samples.

    Args:
        folder: where.
        shown: the n samples.
        numbers: their rows in the set, (n,).
        weights: (n,)
        rows: those of which the images are written, in their order, (k,).
        in_order: list these first.
    """
    files, place = source_files(shown), np.full(len(shown), -1)
    place[rows] = np.arange(len(rows))
    order = np.concatenate([rows, np.flatnonzero(place < 0)]) if in_order else np.arange(len(shown))
    _write_list(
        folder,
        ("row", "file", "label", "weight", "image"),
        [
            (
                numbers[row],
                files[row],
                shown.classes[shown.labels[row]],
                f"{weights[row]:.6g}",
                place[row] if place[row] >= 0 else "",
            )
            for row in order.tolist()
        ],
    )


def _write_list(folder: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    (folder / LIST).write_text(render_list(head, rows), encoding="utf-8", newline="")


def _write_set(kept: LabelledSet, folder: Path, out: Path, writer: Writer) -> None:
    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(kept), BATCH):
            rows = slice(start, start + BATCH)
            yield np.ascontiguousarray(kept.images[rows]), one_hot(kept.labels[rows], len(kept.classes))

    writer.write(folder, Contents(Path(out).resolve().name, len(kept), kept.shape, kept.classes), batches())


def _card(shown: LabelledSet, task: str, target: str | None, sentence: str, layout: str) -> str:
    done = {"reweight": "reweighted", "extend": "chosen sample by sample"}[task]
    purpose = f" for {target}" if target else ""
    listed = (
        f"`{LIST}` holds every sample's row in the set, its file, label and weight, and the number of its image here."
    )
    held = f"{layout} {listed}".lstrip()
    return (
        f"# {shown.name}, {done}{purpose}\n\n{sentence[:1].upper()}{sentence[1:]}.\n\n{held}\n\n"
        f"License of the images: {shown.license}.\n\n{license_comment([(shown.name, shown.license)])}\n"
    )
