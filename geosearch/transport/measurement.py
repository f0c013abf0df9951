"""Measurement: the distance between two data sets, with its noise floor and its cost."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize, warn_of_lost_color
from geosearch.data.loaders.registry import load
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import InvalidDataError
from geosearch.transport.distance import otdd
from geosearch.transport.label_distances.base import LabelDistance
from geosearch.transport.label_distances.gaussian import GaussianLabels


@dataclass(frozen=True)
class Measurement:
    """OTDD of two sets and of each set against itself; squared feature units, smaller is more similar."""

    a: str
    b: str
    samples: tuple[int, int]
    otdd: float
    features: float
    labels: float
    embedded: float  # the same plan's cost with label vectors in place of the label table
    self_otdd_a: float  # between two disjoint halves of a: what sampling alone costs
    self_otdd_b: float
    label_distortion: float
    converged: bool
    wall_seconds: float
    peak_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        lines = [
            f"OTDD {self.a} - {self.b}   {self.otdd:.4g}   (features {self.features:.4g}, labels {self.labels:.4g})",
            f"noise floor            {self.a} against itself {self.self_otdd_a:.4g}, "
            f"{self.b} against itself {self.self_otdd_b:.4g}",
            f"label vectors          cost {self.embedded:.4g} under the same plan; they distort squared label "
            f"distances by {100 * self.label_distortion:.1f} %",
            f"{self.samples[0]} and {self.samples[1]} images, {self.wall_seconds:.2f} s, "
            f"peak memory {self.peak_bytes / 2**20:.0f} MiB" + ("" if self.converged else "; did not converge"),
        ]
        return "\n".join(lines)


def measure(
    a: str,
    b: str,
    *,
    samples: int = 1000,
    labels: LabelDistance | None = None,
    embedding: Embedding | None = None,
    size: int = 28,
    channels: int = 1,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
) -> Measurement:
    """OTDD between two data sets, and between two halves of each.

    The distance of a set to itself is that between two disjoint halves of it, of `samples` images each if the set is
    large enough. It is the noise floor: smaller differences mean nothing.

    Args:
        a, b: the sets (see `geosearch.load`).
        samples: at most so many images of each.
        labels: distance between classes; `GaussianLabels()` if None.
        embedding: features in which images are compared; `Pixels()` if None.
        size, channels: images are brought to this size and number of channels first.
        root, download: of torchvision's sets; see `geosearch.load`.
        seed: seed of the samples.

    Raises:
        InvalidDataError: a set with fewer images in a half than classes.
    """
    options: dict[str, Any] = {"labels": labels or GaussianLabels(), "embedding": embedding or Pixels(), "seed": seed}
    sets = [load(spec, root=root, download=download, size_hint=size) for spec in (a, b)]
    warn_of_lost_color(*sets, channels=channels)
    first, second = (harmonize(one, size=size, channels=channels) for one in sets)
    distance = otdd(first, second, samples=samples, **options)
    floors = [otdd(*_halves(one, samples, seed), **options) for one in (first, second)]
    return Measurement(
        a=first.name,
        b=second.name,
        samples=distance.size,
        otdd=distance.value,
        features=distance.parts.features,
        labels=distance.parts.labels,
        embedded=distance.embedded_value,
        self_otdd_a=floors[0].value,
        self_otdd_b=floors[1].value,
        label_distortion=distance.label_distortion,
        converged=distance.converged,
        wall_seconds=distance.wall_seconds,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    )


def _halves(one: LabelledSet, samples: int, seed: int) -> tuple[LabelledSet, LabelledSet]:
    """Two disjoint parts of a set, of equal size, with similar class frequencies."""
    drawn = one.sample(min(2 * samples, len(one)), seeds.stream(seed, "halves", one.name))
    half = len(drawn) // 2
    if half < len(one.classes):
        least = len(one.classes)
        raise InvalidDataError(
            f"set '{one.name}' is measured against itself in two halves, here of {half} images, fewer than its {least} "
            "classes; " + (f"give --samples {least} or more" if samples < least else f"it has {len(one)} images in all")
        )
    order = drawn.labels.argsort(kind="stable")  # every second image of each class
    return drawn.take(order[0::2][:half]), drawn.take(order[1::2][:half])
