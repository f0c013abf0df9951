"""Predictions of any number of images, streamed into a CSV file that is complete or absent."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from geosearch.data.loaders.image_stream import ImageStream, open_images
from geosearch.data.read_report import PassedFile, list_some, printable
from geosearch.errors import InvalidDataError, OutputExistsError
from geosearch.model.trained_model import Predictions, TrainedModel
from geosearch.runtime.atomic import atomic_write
from geosearch.runtime.events import ImagesPassedOver, ImagesPredicted
from geosearch.runtime.progress import Log, Progress

COLUMNS = ("file", "class", "probability", "runner_up", "runner_up_probability", "unlike_target", "is_unlike")
_UNREAD = ("file", "reason")
_STEPS = 20  # progress is reported so often, at most
_NAMED = 5  # files named in a message


@dataclass(frozen=True)
class PredictionReport:
    """What came of predicting many images.

    Attributes:
        path: of the CSV file.
        predicted: images in it.
        unlike: those among them that are unlike the target's images.
        passed: files that could not be read; they are listed in `unread_path`.
        counts: class -> images of which it is the most probable one.
    """

    path: Path
    predicted: int
    unlike: int
    passed: tuple[PassedFile, ...]
    counts: dict[str, int]

    @property
    def unread_path(self) -> Path:
        """The file that lists what could not be read; it exists only if there is something."""
        return unread_file(self.path)

    def text(self) -> str:
        """The report in a few lines."""
        listed = "".join(f"\n  {name}: {count:,}" for name, count in self.counts.items())
        unlike = (
            f"{self.unlike:,} unlike the target's images (is_unlike = 1)" if self.unlike else "none unlike the target"
        )
        unread = f"\n{_files(len(self.passed))} could not be read, see {self.unread_path}" if self.passed else ""
        images = "1 image" if self.predicted == 1 else f"{self.predicted:,} images"
        return f"{images}, {unlike}; predictions written to {self.path}{unread}{listed}"


def predict_images(
    model: TrainedModel, images: str | Path | ImageStream, out: str | Path, *, progress: Progress | None = None
) -> PredictionReport:
    """Predict all images of a place into a CSV file, one row for each.

    One batch is in memory at a time. The columns are `COLUMNS`; probabilities are calibrated, `unlike_target` is above
    1, and `is_unlike` 1, where an image is less like the target than 95 % of the target's images.

    Args:
        model: the model.
        images: a folder (at any depth), a file, a specification such as ``npz:PATH``, or an opened stream.
        out: the CSV file; it is complete or as it was before. Earlier predictions are replaced, nothing else.
        progress: who is told; the log if None.

    Raises:
        OutputExistsError: `out` is a file that does not hold predictions.
        UnknownDatasetError, InvalidDataError: images that are not there, or none of them can be read.
        StorageError: `out` cannot be written.
    """
    out, progress = Path(out), progress or Log()
    _check_replaceable(out, COLUMNS)
    _check_replaceable(unread_file(out), _UNREAD)
    ready = model.facts.preprocessing
    if isinstance(images, str | Path):
        stream = open_images(images, size=ready.size, fit=ready.fit, rendering=ready.rendering)
    else:
        stream = images
    passed: list[PassedFile] = []
    counts = dict.fromkeys(model.classes, 0)
    done = unlike = told = 0
    with atomic_write(out, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for batch in stream.batches():
            passed += batch.passed
            if batch.names:
                predictions = model.predict(batch.images)
                writer.writerows(_rows(batch.names, predictions))
                unlike += int(predictions.is_unlike.sum())
                for name in predictions.names:
                    counts[name] += 1
            done += len(batch.names)
            seen = done + len(passed)
            if seen == stream.total or (seen - told) * _STEPS >= stream.total:
                told = seen
                progress.event(ImagesPredicted(done=seen, total=stream.total, unread=len(passed)))
        if not done:
            raise InvalidDataError(
                f"none of {_files(stream.total)} can be read: {list_some(map(str, passed), len(passed), _NAMED)}"
            )
    _write_unread(unread_file(out), passed)
    if passed:
        summary = f"{len(passed):,} of {_files(stream.total)} could not be read: "
        summary += list_some(map(str, passed), len(passed), _NAMED)
        progress.event(ImagesPassedOver(str(images), "train", summary))
    return PredictionReport(out, done, unlike, tuple(passed), counts)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def unread_file(out: Path) -> Path:
    """Where the files are listed that could not be read: predictions.unread.csv beside predictions.csv."""
    return out.with_name(f"{out.stem}.unread.csv")


def _rows(names: Iterable[str], predictions: Predictions) -> Iterable[tuple[str, ...]]:
    firsts, seconds = predictions.labels, predictions.runners_up
    for row, name in enumerate(names):
        first, second = firsts[row], seconds[row]
        yield (
            printable(name),
            predictions.classes[first],
            f"{predictions.probabilities[row, first]:.4f}",
            predictions.classes[second],
            f"{predictions.probabilities[row, second]:.4f}",
            f"{predictions.unlikeness[row]:.2f}",
            str(int(predictions.is_unlike[row])),
        )


def _write_unread(path: Path, passed: list[PassedFile]) -> None:
    if not passed:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_UNREAD)
        writer.writerows((printable(one.path), one.what or one.reason.value) for one in passed)


def _check_replaceable(path: Path, columns: tuple[str, ...]) -> None:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(1000)
    except (OSError, ValueError):
        first = ""
    if first.strip() != ",".join(columns):
        raise OutputExistsError(
            f"{path} exists and does not hold earlier predictions; choose another file or remove it"
        )
