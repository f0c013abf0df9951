"""SourceRows: which images of the sources a mixture is made of, as a list of rows with weights."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.read_report import printable
from geosearch.mixture.mixture import DrawStreams, Mixture, draw_weights

_CHUNK = 256  # images compared at a time


def find_rows(images: np.ndarray, mapped: np.ndarray) -> np.ndarray:
    """The row of a set that each mapped image is; the nearest one where it is a mean of several.

    Args:
        images: uint8 (n, ...) of the set.
        mapped: uint8 (k, ...), under a map to it.

    >>> images = np.arange(12, dtype=np.uint8).reshape(3, 4)
    >>> find_rows(images, np.array([[8, 9, 10, 11], [1, 1, 2, 3]], np.uint8)).tolist()
    [2, 0]
    """
    known = {image.tobytes(): row for row, image in reversed(list(enumerate(images)))}
    found = np.array([known.get(image.tobytes(), -1) for image in mapped], np.int64)
    missing = np.flatnonzero(found < 0)
    if not len(missing):
        return found
    flat = images.reshape(len(images), -1).astype(np.float32)
    norms = np.einsum("ij,ij->i", flat, flat)
    for start in range(0, len(missing), _CHUNK):
        rows = missing[start : start + _CHUNK]
        some = mapped[rows].reshape(len(rows), -1).astype(np.float32)
        found[rows] = (norms - 2 * some @ flat.T).argmin(1)  # (b, n), up to a constant of each row
    return found


@dataclass(frozen=True, eq=False)
class SourceRows:
    """The images of the sources that samples of a mixture are made of.

    Attributes:
        mixture: the mixture.
        sources: its sources, as they were mapped to.
        views: further views of every image among the rows of each source.

    Example:
        >>> import geosearch
        >>> digits = geosearch.load("digits")
        >>> target, one, other = (digits.take(range(i, i + 50)) for i in (0, 50, 100))
        >>> encoder = geosearch.Pixels().fit([one, other], seed=0, cache=None)
        >>> anchors = geosearch.build_anchors(target, [one, other], encoder)
        >>> mixture = geosearch.Mixture(anchors, geosearch.Weights.of([0.5, 0.5], concentration=0))
        >>> rows = SourceRows(mixture, [one, other]).draw(100, np.random.default_rng(0))
        >>> len(rows), {row.weight for row in rows}
        (100, {1.0})
    """

    mixture: Mixture
    sources: Sequence[LabelledSet]
    views: int = 0

    def describe(self, size: int) -> str:
        """From which target images `size` samples are drawn, in words."""
        if self.mixture.weights.pairing == "random":
            return f"{size:,} samples of randomly paired source images; no target image decides which meet"
        known = len(self.mixture.anchors.reference)
        return (
            f"{size:,} samples, each by way of a reference image of the target, drawn with replacement from {known:,}"
        )

    def draw(self, size: int, rng: np.random.Generator) -> list[SourceRow]:
        """Draw samples as `Mixture.draw` does; at concentration 0 each is one image of one source."""
        streams = DrawStreams.of(rng)
        reference = streams.rows.integers(len(self.mixture.anchors.reference), size=size)
        shares = draw_weights(self.mixture.weights, size, streams.shares)
        picks = self.mixture.picks(reference, streams.replicas)
        found = []
        for source, mapped, share, pick in zip(
            self.sources, self.mixture.anchors.sources, shares.T, picks, strict=True
        ):
            used = np.flatnonzero(share)
            count = len(source) // (1 + self.views)
            rows = find_rows(source.images, mapped.images[pick[used]])
            for sample, row in zip(used.tolist(), rows.tolist(), strict=True):
                name = str(source.row_names[row]) if source.row_names is not None else str(row % count)
                label = source.classes[source.labels[row]]
                found.append(SourceRow(sample, source.name, name, label, float(share[sample])))
        return sorted(found, key=lambda one: one.sample)


@dataclass(frozen=True)
class SourceRow:
    """One image of one source in one sample of a mixture.

    Attributes:
        sample: number of the sample.
        source: name of the source.
        image: its file within the source, or its row number.
        label: name of its class.
        weight: its share of the sample; those of a sample add up to 1.
    """

    sample: int
    source: str
    image: str
    label: str
    weight: float


def write_rows(path: Path, rows: Sequence[SourceRow]) -> None:
    """Write rows as a CSV file with a header; a name that is not valid Unicode has question marks there."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["sample", "source", "image", "label", "weight"])
        table.writerows(
            [one.sample, one.source, printable(one.image), printable(one.label), f"{one.weight:.6g}"] for one in rows
        )


@dataclass(frozen=True, eq=False)
class Pictures:
    """The images of sets that hold activations in their place.

    Attributes:
        codes: name of a set -> uint8 (n, h, w, ch), what it holds.
        images: name of a set -> uint8 (n, size, size, ch), its images.
    """

    codes: Mapping[str, np.ndarray]
    images: Mapping[str, np.ndarray]

    def show(self, name: str, mapped: np.ndarray) -> np.ndarray:
        """The images of a set that mapped codes (k, ...) are, or are nearest to."""
        images = self.images[name]
        return images[find_rows(self.codes[name], mapped) % len(images)]
