"""Confirmation: errors on the test part with their intervals, and the verdict. Pure statistics, no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto

import numpy as np
from scipy import stats

from geosearch.confirmation.background import Background
from geosearch.mixture.baselines import CLOUD, WITHIN_LIMITS

BEST = "best mixture"
NO_PRETRAINING = "no pretraining"


class RowKind(StrEnum):
    """What a row of the confirmation is."""

    BEST = auto()
    BASELINE = auto()
    SINGLE_SOURCE = auto()
    NO_PRETRAINING = auto()
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
        balanced_errors: as `top1_errors`, but the mean over the classes of the error in each; empty in confirmations
            from before it was measured.
        balanced_half_widths: as `half_widths`, of the balanced error; empty in records from before.
        interpolation: how far its network is from the pretrained weights (0) to the trained ones (1); None if it is the
            trained one as it is.

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
        return "" if self.interpolation is None else f"lambda {self.interpolation:g}"

    def unequal(self, best: Row, adaptation: str, *, fewer_images: bool = True) -> str:
        """What it has more or less of than the best mixture, in words; empty if nothing, or if it is not known.

        Args:
            best: the row of the best mixture.
            adaptation: under which both are scored.
            fewer_images: False leaves out that it has seen fewer unlabelled images.
        """
        pairs = zip(self._counts, best._counts, strict=True)
        known = [(unit, own[adaptation], other[adaptation]) for (unit, own), (_, other) in pairs if adaptation in own]
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


@dataclass(frozen=True)
class Comparison:
    """Best mixture minus another row, paired by training and test image, in points of error (negative is better).

    Attributes:
        against: name of the other row.
        adaptation: under which both were scored.
        points: mean difference.
        half_width: of the 95 % interval; nan with a single seed.
        unequal: what the other row has more or less of than the best mixture, in words; empty if nothing.
        error: the error that is compared, in words.

    >>> Comparison("mixup", "ridge", points=-2.1, half_width=0.6).clause()
    'lowers the test error by 2.1 ± 0.6 points against mixup'
    >>> Comparison("mixup", "ridge", points=0.2, half_width=0.6).outcome
    'tie'
    >>> Comparison("mixup", "ridge", points=0.2, half_width=0.6, unequal="5 networks against 1").clause()
    'ties with mixup (5 networks against 1; +0.2 ± 0.6 points)'
    """

    against: str
    adaptation: str
    points: float
    half_width: float
    unequal: str = ""
    error: str = "test error"

    @property
    def outcome(self) -> str:
        """ "better", "worse", or "tie" when the interval holds zero (or there is no interval)."""
        if not abs(self.points) > self.half_width:
            return "tie"
        return "better" if self.points < 0 else "worse"

    def clause(self, against: str | None = None) -> str:
        """The outcome in words that follow a subject: "lowers the test error by 2.1 ± 0.6 points against ..."."""
        against = against or self.against
        unequal, interval = f"{self.unequal}; " if self.unequal else "", f" ± {self.half_width:.1f}"
        points = f"{self.points:+.1f}".replace("-", "−")
        if np.isnan(self.half_width):
            return f"cannot be told from {against} with one seed ({unequal}{points} points)"
        if self.outcome == "tie":
            return f"ties with {against} ({unequal}{points}{interval} points)"
        verb, mark = "lowers" if self.points < 0 else "raises", f" ({self.unequal})" if self.unequal else ""
        return f"{verb} the {self.error} by {abs(self.points):.1f}{interval} points against {against}{mark}"


@dataclass(frozen=True)
class Confirmation:
    """All rows, for every adaptation.

    Attributes:
        rows: in the order of their training.
        adaptation: the one that the study is about.
        seeds: (k,) one training of each row per seed.
        test_size: images that errors are measured on.
        equal: name of the baseline that the best mixture is, if it is one.
        tuning: how the adaptations were tuned, a sentence each.
        background: what the study did before.
        judged_by: what errors are measured by, if the target has no test part; empty if it has one.
        no_gain: that no source pays, and which way without a source is the answer, a sentence each; empty if it may.

    >>> best = Row("best mixture", {"ridge": (0.10, 0.11, 0.09)}, 3.0, RowKind.BEST)
    >>> without = Row("no pretraining", {"ridge": (0.20, 0.22, 0.21)}, 1.0, RowKind.NO_PRETRAINING)
    >>> print(Confirmation((best, without), "ridge", seeds=(1, 2, 3), test_size=1000).verdict())
    Pretraining on the best mixture lowers the test error by 11.0 ± 2.5 points against no pretraining.
    """

    rows: tuple[Row, ...]
    adaptation: str
    seeds: tuple[int, ...]
    test_size: int
    equal: str | None = None
    tuning: tuple[str, ...] = ()
    background: Background = Background()
    judged_by: str = ""
    no_gain: tuple[str, ...] = ()

    @property
    def error(self) -> str:
        """What kind of error the rows have, in words."""
        return "validation error" if self.judged_by else "test error"

    @property
    def judges(self) -> str:
        """What errors are measured on, in words, e.g. "2,000 test images"."""
        return f"by {self.judged_by}" if self.judged_by else f"{self.test_size:,} test images"

    @property
    def is_uneven(self) -> bool:
        """Whether plain and balanced errors differ somewhere by half a point, so that both should be shown."""
        return any(
            abs(row.mean(name) - row.balanced_mean(name)) >= 0.005 for row in self.rows for name in row.balanced_errors
        )

    @property
    def frequencies(self) -> str:
        """What plain errors take for granted where they differ from balanced ones, a sentence; empty elsewhere."""
        if not (self.is_uneven and self.judged_by):
            return ""
        return (
            "plain errors take classes to be as frequent as your labels; if all are equally frequent, the balanced "
            "errors are right"
        )

    @property
    def adaptations(self) -> tuple[str, ...]:
        return tuple(self.rows[0].top1_errors)

    @property
    def interval(self) -> str:
        """What the intervals are and what they are over, in words."""
        images = f"{self.test_size:,} {'labels' if self.judged_by else 'test images'}"
        if len(self.seeds) < 2:
            return f"95 % intervals over {images}" if self._resamples else "one training, so no interval"
        over = f"{len(self.seeds)} trainings"
        return f"95 % intervals over {over}" + (f" and {images}" if self._resamples else "")

    @property
    def has_intervals(self) -> bool:
        """Whether its numbers have intervals: several trainings, or labels that judge in folds."""
        return len(self.seeds) > 1 or self._resamples

    @property
    def _resamples(self) -> bool:
        """Whether test images are resampled too, which version 0.1 did not."""
        return any(row.half_widths for row in self.rows)

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def ranked(self, adaptation: str | None = None) -> tuple[Row, ...]:
        adaptation = adaptation or self.adaptation
        return tuple(sorted(self.rows, key=lambda row: row.mean(adaptation)))

    @property
    def cloud(self) -> Row | None:
        """The row of the projection's cloud, which needs no search."""
        return next((row for row in self.rows if row.name.removesuffix(WITHIN_LIMITS) == CLOUD), None)

    def verdict(self) -> str:
        """The comparisons, what searching added, and what else has to be said; a sentence each."""
        return " ".join([*self.basis(), self.summary(), *self.remarks()])

    def basis(self) -> tuple[str, ...]:
        """What has to be said before the comparisons: why the search ended early, that no test label judged."""
        ended = (self.background.ended,) if self.background.ended else ()
        judged = (f"No test labels: judged by {self.judged_by}.",) if self.judged_by else ()
        return (*self.no_gain, *ended, *judged)

    def summary(self) -> str:
        """One sentence: against no pretraining, the best single source, the strongest baseline, the strongest control.

        Where another row has another number of networks or more unlabelled images, it says so. The projection's cloud
        and rows with fewer unlabelled images are left to `remarks`.
        """
        kinds = (RowKind.BASELINE, RowKind.SINGLE_SOURCE)
        ranked = [row for row in self.ranked() if row.kind in kinds and row.name != self.equal]
        against, another = {NO_PRETRAINING: NO_PRETRAINING}, ""
        equal = self.row(self.equal) if self.equal else None
        if not self.background.searched:
            subject = "Pretraining on the projection's cloud, without a search,"
        elif equal and equal.kind == RowKind.SINGLE_SOURCE:
            subject = f"The best mixture is a single source, {equal.label}; pretraining on it"
            another = "other "
        elif equal:
            subject = f"The best mixture is a baseline, {equal.name}; pretraining on it"
        else:
            subject = "Pretraining on the best mixture"
        if single := next((row for row in ranked if row.kind == RowKind.SINGLE_SOURCE), None):
            against[single.name] = f"the best {another}single source, {single.label}"
        if (other := next((row for row in ranked if row.kind == RowKind.BASELINE), None)) and other != self.cloud:
            against[other.name] = f"the strongest other baseline, {other.name}"
        if control := next((row for row in self.ranked() if row.name in self._controls), None):
            against[control.name] = f"the strongest control, {control.name}"
        against |= {row.name: f"the same mixture, {row.label}" for row in self.rows if row.kind == RowKind.VARIANT}
        clauses = [self._compare(self.row(name)).clause(label) for name, label in against.items()]
        return f"{subject} {'; '.join(clauses)}."

    @property
    def _controls(self) -> set[str]:
        """Names of the controls that are not the network of another row under a second name."""
        others = [row.top1_errors for row in self.rows if row.kind != RowKind.CONTROL]
        return {row.name for row in self.rows if row.kind == RowKind.CONTROL and row.top1_errors not in others}

    def remarks(self) -> tuple[str, ...]:
        """What searching added, how many rows saw fewer images, and the `Background`; a sentence each."""
        is_searched = self.background.searched and not self.background.ended
        found = [self._added() if is_searched else "", self._images()]
        return (*(sentence for sentence in found if sentence), *self.background.sentences(len(self.seeds)))

    def _compare(self, row: Row) -> Comparison:
        """The best mixture against a row; fewer unlabelled images are not said."""
        best = self.row(BEST)
        unequal = row.unequal(best, self.adaptation, fewer_images=False)
        return replace(compare(best, row, self.adaptation), unequal=unequal, error=self.error)

    def _images(self) -> str:
        """That other rows have seen fewer unlabelled images than the best mixture; empty if none has."""
        own = self.row(BEST).unlabelled_images.get(self.adaptation, 0)
        fewer = sum(row.unlabelled_images.get(self.adaptation, own) < own for row in self.rows)
        rows = "1 other row has" if fewer == 1 else f"{fewer} other rows have"
        return f"{rows} seen fewer unlabelled images than the {own:,} of the best mixture." if fewer else ""

    def _added(self) -> str:
        """What searching added, in one sentence; empty if the cloud was not confirmed."""
        if (cloud := self.cloud) is None:
            return ""
        if self.equal == cloud.name:
            return "Searching added nothing: the best mixture is the projection's cloud, which needs no search."
        found, free = self._compare(cloud), "the projection's cloud, which needs no search"
        if np.isnan(found.half_width):
            points = f"{found.points:+.1f}".replace("-", "−")
            return f"One seed cannot tell what searching added ({points} points against {free})."
        if found.outcome == "tie":
            return f"Searching added nothing that this test can show: the best mixture {found.clause(free)}."
        return f"Searching {found.clause(free)}."


def compare(best: Row, other: Row, adaptation: str) -> Comparison:
    """Paired difference of the best mixture and another row with its 95 % interval, in points.

    The interval is over trainings and test images (see `bootstrap_half_width`); over the trainings alone, by Student,
    in records of version 0.1.
    """
    differences = 100 * (np.asarray(best.top1_errors[adaptation]) - np.asarray(other.top1_errors[adaptation]))
    known = other.gap_half_widths.get(adaptation)
    half_width = t_half_width(differences) if known is None else 100 * known
    return Comparison(other.name, adaptation, float(differences.mean()), half_width, other.unequal(best, adaptation))


def t_half_width(values: Sequence[float] | np.ndarray, level: float = 0.95) -> float:
    """Half the width of the t interval of a mean; nan for a single value."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"
