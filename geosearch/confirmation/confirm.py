"""The confirmation: best mixture and baselines again, several seeds, on the test part. Sole reader of test labels.

A target without a test part is judged by its labels, cross-validated; if no class has two, by pseudo-labels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.cross_validation import can_be_left_out, stratified_folds
from geosearch.confirmation.candidates.base import Candidate, Setup, StartKind
from geosearch.confirmation.intervals import bootstrap_half_width
from geosearch.confirmation.rows import RowRequest
from geosearch.confirmation.statistics import Confirmation, Row
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.events import RowConfirmed
from geosearch.runtime.parallel import in_processes
from geosearch.runtime.progress import Progress

_Wrong = Mapping[str, Sequence[np.ndarray]]  # adaptation -> of each training, which images (n,) it gets wrong
FOLDS = 3  # of the labels, where there is no test part


@dataclass(frozen=True, eq=False)
class Confirmer:
    """Retrains candidates with the long recipe and scores them on the target's test part.

    Attributes:
        anchors: what mixtures are made of.
        target: shots to adapt to; test part to score on, if it has one.
        recipe: the long recipe.
        adaptations: kind of start -> name -> adaptation; every row is scored under each name.
        cache: where predictions are kept, so that an interrupted confirmation goes on.
        device: where to train, as for `pretrain`.
        tuning: how the adaptations were tuned, a sentence each.
    """

    anchors: Anchors
    target: Target
    recipe: Recipe
    adaptations: Mapping[StartKind, Mapping[str, Adaptation]]
    cache: Cache
    device: str = "cpu"
    tuning: tuple[str, ...] = ()

    def run(
        self,
        requests: Sequence[RowRequest],
        *,
        adaptation: str,
        count: int,
        seed: int,
        jobs: int,
        progress: Progress,
    ) -> Confirmation:
        """Train every row with the same seeds, so that differences are paired.

        Args:
            requests: the rows, the best mixture first.
            adaptation: the one that the study is about.
            count: seeds.
            seed: of the study.
            jobs: processes; changes no number.
            progress: who is told.
        """
        numbers = tuple(seeds.integer(seed, "confirmation", i) for i in range(count))
        calls = [(Confirmer.predictions, (self, one.candidate, number)) for one in requests for number in numbers]
        truth, judged_by = self._truth()
        wrong: dict[str, dict[str, list[np.ndarray]]] = {
            one.name: {name: [] for name in self.adaptations_of(one.candidate)} for one in requests
        }
        balanced: dict[str, dict[str, list[float]]] = {row: {name: [] for name in wrong[row]} for row in wrong}
        cost = dict.fromkeys(wrong, 0.0)
        places = [row for row in wrong for _ in numbers]
        for done, (row, (predicted, seconds)) in enumerate(zip(places, in_processes(calls, jobs), strict=True), 1):
            for name, classes in predicted.items():
                wrong[row][name].append(classes != truth)
                balanced[row][name].append(balanced_error(classes, truth))
            cost[row] += seconds
            progress.event(RowConfirmed(row, done=done, total=len(calls)))
        best, *others = requests
        rows = [
            self._row(one, wrong[one.name], wrong[best.name], balanced[one.name], cost[one.name]) for one in requests
        ]
        equal = next((one.name for one in others if one.candidate.key == best.candidate.key), None)
        return Confirmation(tuple(rows), adaptation, numbers, len(truth), equal, self.tuning, judged_by=judged_by)

    def _truth(self) -> tuple[np.ndarray, str]:
        """Classes int64 (n,) that predictions are compared with, and what they are; empty text for the test part."""
        target = self.target
        if target.test_labels is not None:
            return target.test_labels.reveal(), ""
        if (judged := can_be_left_out(target.shots.labels)).any():
            return target.shots.labels[judged], f"cross-validation on the {int(judged.sum()):,} labels"
        return target.held_out.labels, f"pseudo-labels of {len(target.held_out):,} unlabelled images"

    def _row(
        self,
        request: RowRequest,
        wrong: _Wrong,
        best: _Wrong,
        balanced: Mapping[str, Sequence[float]],
        seconds: float,
    ) -> Row:
        """A row from what its trainings and those of the best mixture got wrong."""
        candidate = request.candidate
        adaptations = self.adaptations_of(candidate).items()
        own = {name: np.array(images, dtype=float) for name, images in wrong.items()}
        return Row(
            request.name,
            {name: tuple(float(one.mean()) for one in images) for name, images in wrong.items()},
            seconds,
            request.kind,
            request.label,
            {name: candidate.networks(how) for name, how in adaptations},
            {name: candidate.unlabelled_images(how) for name, how in adaptations},
            _half_widths(own),
            _half_widths({name: np.array(best[name], dtype=float) - values for name, values in own.items()}),
            {name: tuple(values) for name, values in balanced.items()},
        )

    def adaptations_of(self, candidate: Candidate) -> Mapping[str, Adaptation]:
        """Name -> adaptation, with the settings that were tuned for starts of the candidate's kind."""
        return self.adaptations[candidate.start_kind]

    def __sizeof__(self) -> int:
        """Bytes, arrays included; see `Objective`."""
        sources = self.anchors.sources
        return sum(array.nbytes for one in sources for array in (one.images, one.codes, one.labels, one.z))

    def predictions(self, candidate: Candidate, seed: int) -> tuple[dict[str, np.ndarray], float]:
        """Predicted classes (n,) of the images that judge per adaptation, and the seconds that they once took."""
        key = content_key(
            "predictions",
            version=3,
            candidate=candidate.key,
            recipe=self.recipe.key,
            adaptations={name: adaptation.key for name, adaptation in self.adaptations_of(candidate).items()},
            target=self.target.key,
            seed=seed,
        )
        stored = self.cache.arrays("predictions", key, lambda: self._predict(candidate, seed))
        return {name: stored[name] for name in self.adaptations_of(candidate)}, float(stored["wall_seconds"][0])

    def _predict(self, candidate: Candidate, seed: int) -> dict[str, np.ndarray]:
        begin, target = time.perf_counter(), self.target
        if target.test_labels is not None:
            predicted = self._train_and_predict(candidate, target.shots, target.test_images, seed)
        elif can_be_left_out(target.shots.labels).any():
            predicted = self._cross_validate(candidate, seed)
        else:
            predicted = self._train_and_predict(candidate, target.shots, target.held_out.images, seed)
        return {**predicted, "wall_seconds": np.array([time.perf_counter() - begin])}

    def _cross_validate(self, candidate: Candidate, seed: int) -> dict[str, np.ndarray]:
        """Classes of the shots that a fold leaves out, each predicted by a network that was trained without it."""
        shots = self.target.shots
        found = {name: np.empty(len(shots), np.int64) for name in self.adaptations_of(candidate)}
        for fit_rows, rows in stratified_folds(shots.labels, FOLDS, seeds.stream(seed, "folds")):
            predicted = self._train_and_predict(candidate, shots.take(fit_rows), shots.images[rows], seed)
            for name, classes in predicted.items():
                found[name][rows] = classes
        judged = can_be_left_out(shots.labels)
        return {name: classes[judged] for name, classes in found.items()}

    def _train_and_predict(
        self, candidate: Candidate, shots: LabelledSet, images: np.ndarray, seed: int
    ) -> dict[str, np.ndarray]:
        """Adaptation -> predicted classes of images (n, h, w, ch): int64 (n,)."""
        setup = Setup(shots, self.recipe, self.device)
        start = candidate.start(setup, seed)
        return {
            name: candidate.adapt(start, adaptation, setup, seed).predict(images).argmax(axis=1)
            for name, adaptation in self.adaptations_of(candidate).items()
        }


def _half_widths(differences: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Half intervals where there are some: none after a single training; JSON has no nan."""
    found = {name: bootstrap_half_width(values) for name, values in differences.items()}
    return {name: width for name, width in found.items() if not np.isnan(width)}


def balanced_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that occur of the error in each, in [0, 1].

    >>> balanced_error(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.5
    """
    wrong = predicted != truth
    return float(np.mean([wrong[truth == label].mean() for label in np.unique(truth)]))
