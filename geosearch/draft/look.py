"""Look: what one data set shows when it is read once, at a small size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.duplicates import PixelIndex, Repeats
from geosearch.data.harmonization import has_flat_background, ink_margin, is_colored
from geosearch.data.loaders.image_files import median_size
from geosearch.data.loaders.registry import find_loader, list_datasets
from geosearch.data.read_report import list_some
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.draft.appearance import Appearance, judge_appearance
from geosearch.errors import UnknownDatasetError

_SEEN = 64  # pixels at which files are read
_SIZED = 300  # files whose headers tell the typical size
_UNEVEN = 5  # times as many images in one class as in another: very uneven


@dataclass(frozen=True, eq=False)
class Look:
    """What a data set shows.

    Attributes:
        spec: its specification.
        name: its short name.
        images: number of images that were read.
        test_images: number of images of its own test part; 0 without one.
        classes: (name, images) of each class; empty without labels.
        side: median of the shorter sides, pixels.
        aspect: median of longer by shorter side.
        in_color: whether its images are in color.
        appearance: what its images look like; None if they are not on this machine yet.
        because: what says so.
        light_ground: whether they are dark on light; None without a plain ground.
        margin: width of the empty border around the ink, as a fraction of the frame.
        lines: what its reader passed over, and its notes.
        pixels: its images by their pixels.
        repeats: images that it holds more than once.
    """

    spec: str
    name: str
    images: int
    test_images: int
    classes: tuple[tuple[str, int], ...]
    side: int
    aspect: float
    in_color: bool
    appearance: Appearance | None
    because: str
    light_ground: bool | None
    margin: float
    lines: tuple[str, ...]
    pixels: PixelIndex
    repeats: Repeats = Repeats()

    @property
    def counts(self) -> tuple[int, ...]:
        """Images of each class."""
        return tuple(count for _, count in self.classes)

    @property
    def is_uneven(self) -> bool:
        """Whether one class has several times as many images as another."""
        return bool(self.counts) and max(self.counts) >= _UNEVEN * min(self.counts)

    @property
    def has_characters(self) -> bool:
        """Whether the classes have names of their own that are single letters or digits."""
        return bool(self.classes) and all(len(name) == 1 and name.isalnum() for name, _ in self.classes)

    @property
    def text(self) -> str:
        """One line: how many images, of which classes and what look."""
        kind = "in color" if self.in_color else "grey"
        look = (
            f", {self.appearance.value} ({self.because})"
            if self.appearance
            else ", not on this machine yet (--download lets a study fetch it)"
        )
        shape = f"{self.side} px, {kind}{look}"
        if not self.classes:
            return f"{self.images:,} images without labels; {shape}"
        few, many = min(self.counts), max(self.counts)
        each = f"{few:,}" if few == many else f"{few:,} to {many:,}"
        own_test = f", {self.test_images:,} test images" if self.test_images else ""
        return f"{self.images:,} images of {len(self.classes)} classes, {each} a class{own_test}; {shape}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what may surprise: what was passed over, and very uneven classes."""
        if not self.is_uneven:
            return self.lines
        order = sorted(self.classes, key=lambda one: one[1])
        rare, common = order[0], order[-1]
        others = list_some((f"'{name}' {count:,}" for name, count in order[:3]), len(order))
        return (
            *self.lines,
            f"very uneven classes: '{common[0]}' has {common[1]:,} images, '{rare[0]}' has {rare[1]:,} ({others})",
        )


def look_at(spec: str, *, labels: bool = True, root: str | None = None, download: bool = False) -> Look:
    """Read a set and describe it.

    Args:
        spec: its specification.
        labels: whether its labels count; unlabelled images of a target may lie in any folders.
        root, download: of torchvision's sets, see `load`.

    Raises:
        UnknownDatasetError, InvalidDataError: it cannot be loaded.
    """
    with find_loader(spec, root=root, download=download, size_hint=_SEEN) as loader:
        try:
            data = loader.read() if labels else loader.read_unlabelled()
        except UnknownDatasetError:
            if found := _unseen(spec, root):
                return found
            raise
        tests = len(loader.read("test")) if labels and loader.has_test else 0
    return _describe(spec, data, tests, labels)


def _describe(spec: str, data: LabelledSet | UnlabelledSet, tests: int, labels: bool) -> Look:
    appearance, because = judge_appearance(data.images)
    plain = has_flat_background(data.images) and appearance is not Appearance.PHOTOGRAPHS
    width, height = _typical_size(data)
    classes: tuple[tuple[str, int], ...] = ()
    margin = 0.0
    if labels and isinstance(data, LabelledSet):
        counts = np.bincount(data.labels, minlength=len(data.classes)).tolist()
        classes = tuple(zip(data.classes, counts, strict=True))
        margin = ink_margin(data)
    return Look(
        spec,
        data.name,
        len(data),
        tests,
        classes,
        side=min(width, height),
        aspect=max(width, height) / min(width, height),
        in_color=is_colored(data.images),
        appearance=appearance,
        because=because,
        light_ground=bool(_border_level(data.images) > 127) if plain else None,
        margin=margin,
        lines=data.report.lines if data.report and data.report.remarkable else (),
        pixels=PixelIndex.of(data.images),
        repeats=Repeats.of(data.images, data.labels if labels and isinstance(data, LabelledSet) else None),
    )


def _typical_size(data: LabelledSet | UnlabelledSet) -> tuple[int, int]:
    """(w, h) of a typical image as it is stored."""
    place = Path(data.report.place) if data.report and data.report.place else None
    if place and place.is_dir() and data.row_names is not None:
        names = data.row_names[:: -(-len(data) // _SIZED)]
        return median_size([place / name for name in names])
    return data.shape[1], data.shape[0]


def _border_level(images: np.ndarray) -> float:
    """Median grey level of the outermost rows."""
    return float(np.median(images[:: -(-len(images) // _SIZED), [0, -1]]))


def _unseen(spec: str, root: str | None) -> Look | None:
    """What is known of a set that is not on this machine yet; None if nothing is."""
    info = next((one for one in list_datasets(root=root) if one.spec == spec and one.needs_download), None)
    if info is None:
        return None
    each = tuple((f"class {number}", info.images // info.classes) for number in range(info.classes))
    return Look(
        spec, spec.partition(":")[2].lower(), info.images, info.test_images, each, side=info.size, aspect=1.0,
        in_color=info.channels == 3, appearance=None, because="", light_ground=None, margin=0.0, lines=(),
        pixels=PixelIndex(np.zeros(0, np.uint64)),
    )  # fmt: skip
