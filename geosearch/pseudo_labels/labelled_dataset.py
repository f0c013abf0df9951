"""LabelledDataset: a data set without labels, written to a folder with pseudo-labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize, warn_of_lost_color
from geosearch.data.license import license_comment
from geosearch.data.loaders.registry import load, load_unlabelled
from geosearch.data.sample_list import LIST, render_list, source_files
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.data.writers.base import Batch, Writer
from geosearch.data.writers.image_folder import ImageFolderWriter
from geosearch.data.writers.write import write_mixture
from geosearch.pseudo_labels.g2l import G2L
from geosearch.runtime.atomic import check_out
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread


@dataclass(frozen=True)
class LabelledDataset:
    """A data set that was written with pseudo-labels.

    Attributes:
        out: the folder.
        name: name of the set.
        labelled_by: how the labels were made.
        sizes: number of images with each pseudo-label.

    Example:
        >>> print(LabelledDataset(Path("out"), "mine", "k-means, 2 labels", (30, 12)).text())
        mine: 42 images, k-means, 2 labels
        images per label: [30, 12]
        out
    """

    out: Path
    name: str
    labelled_by: str
    sizes: tuple[int, ...]

    def text(self) -> str:
        """A summary in three lines."""
        head = f"{self.name}: {sum(self.sizes):,} images, {self.labelled_by}"
        return f"{head}\nimages per label: {list(self.sizes)}\n{self.out}"


def label_dataset(
    spec: str,
    anchors: Sequence[str],
    *,
    out: str | Path,
    labelling: Labelling | None = None,
    size: int = 28,
    channels: int = 1,
    writer: Writer | None = None,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
) -> LabelledDataset:
    """Label a data set with pseudo-labels and write it; labels that it already has are ignored.

    Images are compared at `size` and `channels`, and written unchanged; files of several sizes at their median size.
    `samples.csv` says which file of a folder each image is.

    Args:
        spec: specification of the set (see `geosearch.load`), e.g. a folder of images or an npz file of images only.
        anchors: labelled sets whose classes are the anchors; for clusters, the sets that the embedding is fitted to.
        out: a folder that does not exist yet, or is empty.
        size: side in pixels at which images are compared.
        channels: channels with which images are compared, 1 or 3.
        labelling: the labelling; `G2L()` if None.
        writer: the format; an image folder if None.
        root, download: of torchvision's sets; see `geosearch.load`.
        seed: seed of the embedding and of k-means.

    Raises:
        InvalidOptionError: no anchors where they are needed, or more labels than images.
        OutputExistsError: `out` is not empty.
    """
    check_out(Path(out))
    at: dict[str, Any] = {"root": root, "download": download}
    bare = load_unlabelled(spec, **at)
    compared = [load(anchor, size_hint=size, **at) for anchor in anchors]
    warn_of_lost_color(bare, *compared, channels=channels)
    known = [harmonize(anchor, size=size, channels=channels) for anchor in compared]
    labelling = labelling or G2L()
    seen: UnlabelledSet = harmonize(bare, size=size, channels=channels)
    with one_thread():  # as in a study; sums, and so labels, depend on the number of threads
        found = labelling.label(seen, known, seed=seed, cache=Cache.default())
    whole = bare.with_labels(found.labels, found.labelled_by)
    path = write_mixture(
        InOrder(whole),
        size=len(whole),
        out=Path(out),
        writer=writer or ImageFolderWriter(),
        card=_card(whole),
        beside={LIST: render_list(("image", "file"), [*enumerate(source_files(whole))])},
    )
    return LabelledDataset(path, whole.name, whole.labelled_by, tuple(np.bincount(whole.labels).tolist()))


@dataclass(frozen=True, eq=False)
class InOrder:
    """A labelled set as a stream of batches for a writer: all images in their order."""

    data: LabelledSet

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data.classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.data.shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Endless images float32 (b, ch, h, w) in [0, 1] with one-hot labels float32 (b, c); nothing is drawn."""
        one_hot = np.eye(len(self.data.classes), dtype=np.float32)
        start = 0
        while True:
            rows = np.arange(start, start + size) % len(self.data)
            yield (
                self.data.images[rows].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255),
                one_hot[self.data.labels[rows]],
            )
            start += size


def _card(data: LabelledSet) -> str:
    return (
        f"# {data.name}, with pseudo-labels\n\n{len(data):,} images, {len(data.classes)} labels, written by geosearch. "
        f"The images are those of the set as it was loaded; nobody has looked at the labels: {data.labelled_by}. "
        f"`{LIST}` holds the number of each image here, and its file in the set.\n\n"
        f"License of the images: {data.license}.\n\n{license_comment([(data.name, data.license)])}\n"
    )
