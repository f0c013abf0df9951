"""Row: one candidate of the confirmation, with its errors on the test part and their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

import numpy as np

from geosearch.confirmation.intervals import t_half_width

BEST = "best mixture"
NO_PRETRAINING = "no pretraining"


class RowKind(StrEnum):
    """What a row of the confirmation is."""

    BEST = auto()
    BASELINE = auto()
    SINGLE_SOURCE = auto()
    NO_PRETRAINING = auto()
    UNION = auto()
    CONTROL = auto()
    VARIANT = auto()


@dataclass(frozen=True)
class Row:
    """One candidate of the confirmation, retrained once per seed.

    Attributes:
        name: "best mixture", "single: usps", "pooled union", "no pretraining", ...
        top1_errors: adaptation name -> one test error in [0, 1] per seed, aligned over rows.
        wall_seconds: training and scoring, summed over the seeds.
        kind: what it is.
        label: what tells it from others of its kind: the source, or the variant; empty if its name does.
        networks: adaptation name -> networks that are pretrained for one predictor, its teachers included.
        unlabelled_images: adaptation name -> unlabelled target images that the predictor has seen.
        half_widths: adaptation name -> half the 95 % interval of the mean error over trainings and test images, in
            [0, 1]; empty in records of version 0.1.
        gap_half_widths: the same of the best mixture's error minus the row's, paired.
        answer_gap_half_widths: the same of the answer's error minus the row's; empty where `Confirmation.answer` is.
        balanced_errors: as `top1_errors`, but the mean over the classes of the error in each; empty in confirmations
            from before it was measured.
        balanced_half_widths: as `half_widths`, of the balanced error; empty in records from before.
        interpolation: how far its network is from the pretrained weights (0) to the trained ones (1); None if it is the
            trained one as it is.
        places: the same in words, where it is not equal in all folds.

    >>> Row("pooled union", {"ridge": (0.1, 0.2)}, wall_seconds=3.0).mean("ridge")
    0.15000000000000002
    """

    name: str
    top1_errors: Mapping[str, tuple[float, ...]]
    wall_seconds: float
    kind: RowKind = RowKind.BASELINE
    label: str = ""
    networks: Mapping[str, int] = field(default_factory=dict)
    unlabelled_images: Mapping[str, int] = field(default_factory=dict)
    half_widths: Mapping[str, float] = field(default_factory=dict)
    gap_half_widths: Mapping[str, float] = field(default_factory=dict)
    balanced_errors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    balanced_half_widths: Mapping[str, float] = field(default_factory=dict)
    interpolation: float | None = None
    answer_gap_half_widths: Mapping[str, float] = field(default_factory=dict)
    places: str = ""

    def mean(self, adaptation: str) -> float:
        return float(np.mean(self.top1_errors[adaptation]))

    def balanced_mean(self, adaptation: str) -> float:
        """Mean of the balanced errors; nan if they were not measured."""
        errors = self.balanced_errors.get(adaptation)
        return float(np.mean(errors)) if errors else float("nan")

    def balanced_half_width(self, adaptation: str) -> float:
        """Half the 95 % interval of its mean balanced error, in [0, 1]; nan if it is not known."""
        return self.balanced_half_widths.get(adaptation, float("nan"))

    def resources(self, adaptation: str) -> str:
        """Its networks and unlabelled images, in words; empty if they are not known.

        >>> Row("mixup", {}, 3.0, networks={"ridge": 1}, unlabelled_images={"ridge": 1400}).resources("ridge")
        '1 network, 1,400 unlabelled images'
        """
        return ", ".join(f"{_count(counts[adaptation], unit)}" for unit, counts in self._counts if adaptation in counts)

    @property
    def path_place(self) -> str:
        """Where its network is between the pretrained weights and the trained ones, in words; empty if it is trained.

        >>> Row("mixup", {}, 3.0, interpolation=0.5).path_place
        'lambda 0.5'
        """
        return self.places if self.interpolation is None else f"lambda {self.interpolation:g}"

    def unequal(self, row: Row, adaptation: str, *, fewer_images: bool = True) -> str:
        """What it has more or less of than another row, in words; empty if nothing, or if it is not known.

        Args:
            row: the other one, as that of the best mixture.
            adaptation: under which both are scored.
            fewer_images: False leaves out that it has seen fewer unlabelled images.
        """
        pairs = zip(self._counts, row._counts, strict=True)
        known = [
            (unit, own[adaptation], other[adaptation])
            for (unit, own), (_, other) in pairs
            if adaptation in own and adaptation in other
        ]
        return ", ".join(
            f"{_count(own, unit)} against {other:,}"
            for unit, own, other in known
            if own > other or (own < other and (fewer_images or unit == "network"))
        )

    @property
    def _counts(self) -> tuple[tuple[str, Mapping[str, int]], ...]:
        return ("network", self.networks), ("unlabelled image", self.unlabelled_images)

    def half_width(self, adaptation: str) -> float:
        """Half the 95 % interval of its mean error, in [0, 1]; nan with one seed."""
        return self.half_widths.get(adaptation, t_half_width(self.top1_errors[adaptation]))


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"
