"""Confirmation: all rows on the test part, and the verdict. No training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geosearch.confirmation.background import Background
from geosearch.confirmation.comparison import Comparison, compare, format_points
from geosearch.confirmation.row import BEST, NO_PRETRAINING, Row, RowKind
from geosearch.mixture.baselines import CLOUD, WITHIN_LIMITS


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
        answer: name of the row that is the answer in place of the best mixture; empty if none is.
        reasons: why it is, a sentence each.

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
    answer: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def answer_row(self) -> str:
        """Name of the row that is the study's answer, whatever the errors say."""
        return NO_PRETRAINING if self.no_gain else self.answer or BEST

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
        """Those of all rows; a row may lack some."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.top1_errors))

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
        """The rows that have an adaptation, the study's own if None, by increasing error."""
        adaptation = adaptation or self.adaptation
        having = (row for row in self.rows if adaptation in row.top1_errors)
        return tuple(sorted(having, key=lambda row: row.mean(adaptation)))

    @property
    def cloud(self) -> Row | None:
        """The row of the projection's cloud, which needs no search."""
        return next((row for row in self.rows if row.name.removesuffix(WITHIN_LIMITS) == CLOUD), None)

    def verdict(self) -> str:
        """The comparisons, what searching added, and what else has to be said; a sentence each."""
        return " ".join([*self.conclusion(), *self.circumstances(), self.summary(), *self.remarks()])

    def conclusion(self) -> tuple[str, ...]:
        """Another answer than the best mixture, and how it did, a sentence each; none if the mixture is the answer."""
        return (*self.no_gain, *self.reasons, *self._answered())

    def circumstances(self) -> tuple[str, ...]:
        """That the search ended early, and that no test label judged, a sentence each."""
        ended = (self.background.ended,) if self.background.ended else ()
        judged = (f"No test labels: judged by {self.judged_by}.",) if self.judged_by else ()
        return (*ended, *judged)

    def summary(self) -> str:
        """One sentence: against no pretraining, the best single source, the strongest baseline, the strongest control.

        Where another row has another number of networks or more unlabelled images, it says so. The projection's cloud
        and rows with fewer unlabelled images are left to `remarks`.
        """
        kinds = (RowKind.BASELINE, RowKind.SINGLE_SOURCE)
        ranked = [row for row in self.ranked() if row.kind in kinds and row.name not in self._twins]
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
    def _twins(self) -> set[str]:
        """Names of the baselines that the best mixture is; a projection on a single source is both, and its cloud."""
        same = self.row(self.equal).top1_errors if self.equal else None
        kinds = (RowKind.BASELINE, RowKind.SINGLE_SOURCE)
        return {row.name for row in self.rows if row.kind in kinds and row.top1_errors == same}

    def _answered(self) -> tuple[str, ...]:
        """How the answer did, a sentence; none where it is the best mixture or no pretraining."""
        if not self.answer:
            return ()
        own, clauses = self.row(self.answer), []
        for name in (NO_PRETRAINING, BEST):
            other = self.row(name)
            found = compare(own, other, self.adaptation, is_answer=True)
            unequal = own.unequal(other, self.adaptation)
            label = name if name == NO_PRETRAINING else f"the {name}"
            clauses.append(replace(found, unequal=unequal, error=self.error).clause(label))
        return (f"It {'; '.join(clauses)}.",)

    @property
    def _controls(self) -> set[str]:
        """Names of the controls that are not the network of another row under a second name."""
        others = [row.top1_errors for row in self.rows if row.kind != RowKind.CONTROL]
        return {row.name for row in self.rows if row.kind == RowKind.CONTROL and row.top1_errors not in others}

    def remarks(self) -> tuple[str, ...]:
        """What searching added, how many rows saw fewer images, and the `Background`; a sentence each."""
        is_searched = self.background.searched and not self.background.ended
        found = [self._added() if is_searched else "", self._images()]
        past = self.background.sentences(len(self.seeds), has_test=not self.judged_by)
        return (*(sentence for sentence in found if sentence), *past)

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
        if cloud.name in self._twins:
            return "Searching added nothing: the best mixture is the projection's cloud, which needs no search."
        found, free = self._compare(cloud), "the projection's cloud, which needs no search"
        if np.isnan(found.half_width):
            return f"One seed cannot tell what searching added ({format_points(found.points)} points against {free})."
        if found.outcome == "tie":
            return f"Searching added nothing that this test can show: the best mixture {found.clause(free)}."
        return f"Searching {found.clause(free)}."
