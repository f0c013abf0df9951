"""Cross-fitting: without test labels the labels judge, each by networks and choices that have not seen it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geosearch import seeds
from geosearch.adaptation.cross_validation import can_be_left_out, stratified_folds
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.predictions import Predictions
from geosearch.confirmation.row import Row
from geosearch.confirmation.row_request import RowRequest
from geosearch.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Split:
    """Labels that judge, and the rest, which everything else is made from.

    Attributes:
        repeat: number of the repetition; number: of the fold in it.
        judged: row numbers of the target's labelled images that judge; those of all folds of a repetition are every
            image whose class has another.
        seed: of the trainings; equal within a repetition.
    """

    repeat: int
    number: int
    judged: np.ndarray
    seed: int


@dataclass(frozen=True, eq=False)
class Fold:
    """What a split is judged by.

    Attributes:
        confirmer: made without the labels that judge; its test images are these, without labels.
        requests: the rows, the best mixture first; every fold has the same names.
    """

    confirmer: Confirmer
    requests: tuple[RowRequest, ...]


@dataclass(frozen=True)
class CrossFitting:
    """Stratified folds of the labels, several times over.

    In each fold all that looks at labels is done again without those that judge: pseudo-labels, maps, the projection,
    the choice among finalists and baselines, coefficients between pretrained and trained weights, heads and
    self-training. The finalists themselves come from the whole search, and adaptations are not tuned (see `KindTuner`).

    Source: cross-fitting (Chernozhukov et al. 2018), for the choice of a model (Varma & Simon 2006).

    Attributes:
        folds: number of folds, at most as many as the largest class has labels.
        repeats: times that the labels are divided anew.
    """

    folds: int = 5
    repeats: int = 1

    def splits(self, labels: np.ndarray, seed: int) -> tuple[Split, ...]:
        """The splits of labels int64 (n,); equal seeds give equal splits.

        Raises:
            DomainMismatchError: no class has two labels.
        """
        return tuple(
            Split(repeat, number, judged, seeds.integer(seed, "confirmation", repeat))
            for repeat in range(self.repeats)
            for number, (_, judged) in enumerate(
                stratified_folds(labels, self.folds, seeds.stream(seed, "cross-fitting", repeat))
            )
        )

    def run(
        self,
        labels: np.ndarray,
        make_fold: Callable[[Split], Fold],
        *,
        adaptation: str,
        seed: int,
        jobs: int,
        progress: Progress,
        answer: str = "",
    ) -> Confirmation:
        """Judge every row by the labels.

        Args:
            labels: int64 (n,) of the target's labelled images.
            make_fold: makes everything anew without the labels that judge.
            adaptation: the one that the study is about.
            seed: of the study.
            jobs: processes; changes no number.
            progress: who is told.
            answer: as for `Confirmer.run`.

        Raises:
            DomainMismatchError: no class has two labels.
        """
        splits = self.splits(labels, seed)
        found: list[tuple[Split, Fold, Predictions]] = []
        for split in splits:
            fold = make_fold(split)
            rows = len(fold.requests)
            counts = {"before": rows * len(found), "total": rows * len(splits)}
            predictions = fold.confirmer.predict(fold.requests, [split.seed], jobs=jobs, progress=progress, **counts)
            found.append((split, fold, predictions))
        judged = np.flatnonzero(can_be_left_out(labels))
        scored = _join(found, self.repeats, len(labels), judged).score(labels[judged], in_folds=True, answer=answer)
        requests: list[tuple[RowRequest, ...]] = list(zip(*(fold.requests for _, fold, _ in found), strict=True))
        folds = len({split.number for split in splits})
        confirmer = found[-1][1].confirmer
        return Confirmation(
            tuple(_placed(scored.row(_describe(row), confirmer), row) for row in requests),
            adaptation,
            tuple(dict.fromkeys(split.seed for split in splits)),
            len(judged),
            judged_by=_judged_by(len(judged), len(labels), folds, self.repeats),
            answer=answer,
        )


def _join(
    found: Sequence[tuple[Split, Fold, Predictions]], repeats: int, count: int, judged: np.ndarray
) -> Predictions:
    """The predictions of all folds: a training for each repetition, an image for each label that judges."""
    first = found[0][2].classes
    classes = {row: {name: np.zeros((repeats, count), np.int64) for name in own} for row, own in first.items()}
    cost = dict.fromkeys(first, 0.0)
    for split, _, predictions in found:
        for row, own in predictions.classes.items():
            cost[row] += predictions.wall_seconds[row]
            for name, (predicted,) in own.items():
                classes[row][name][split.repeat, split.judged] = predicted
    return Predictions({row: {name: one[:, judged] for name, one in own.items()} for row, own in classes.items()}, cost)


def _describe(row: Sequence[RowRequest]) -> RowRequest:
    """The row of all folds; its label says what it was in how many of them."""
    return replace(row[0], label=_in_folds([one.label for one in row]))


def _placed(row: Row, requests: Sequence[RowRequest]) -> Row:
    """The row, with the coefficients of its networks where folds have several (see `Plain`)."""
    found = [getattr(one.candidate, "interpolation", None) for one in requests]
    places = [1.0 if one is None else one for one in found]
    if len({*places}) == 1:
        return row
    return replace(row, interpolation=None, places=_in_folds([f"lambda {one:g}" for one in places]))


def _in_folds(labels: Sequence[str]) -> str:
    """What it was, with the number of folds where it differs, the most frequent first."""
    counts = Counter(labels)
    several = ", ".join(f"{label} ({times} of {len(labels)} folds)" for label, times in counts.most_common())
    return labels[0] if len(counts) == 1 else several


def _judged_by(judged: int, labels: int, folds: int, repeats: int) -> str:
    times = f", {repeats} times over" if repeats > 1 else ""
    rest = f" ({labels - judged} more are the only ones of their class and judge nothing)" if labels > judged else ""
    return f"{judged:,} labels{rest}, each by choices, maps and networks that have not seen it, in {folds} folds{times}"
