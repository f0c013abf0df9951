"""The confirmation: best mixture and baselines again, several seeds, on the test part. Sole reader of test labels.

A target without a test part is judged by its labels (see `CrossFitting`); if no class has two, by pseudo-labels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.confirmation.candidates.base import Candidate, Setup, StartKind
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.predictions import Predictions
from geosearch.confirmation.row import RowKind
from geosearch.confirmation.row_request import RowRequest
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.baselines import CLOUD, WITHIN_LIMITS
from geosearch.nn.feature_memory import remember_features
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.events import RowConfirmed
from geosearch.runtime.parallel import in_processes
from geosearch.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Confirmer:
    """Retrains candidates with the long recipe and scores them on the target's test part.

    Attributes:
        anchors: what mixtures are made of.
        target: shots to adapt to; test part to score on, if it has one.
        recipe: the long recipe.
        adaptations: kind of start -> name -> adaptation; rows are scored under each name of their kind.
        cache: where predictions are kept, so that an interrupted confirmation goes on.
        device: where to train, as for `pretrain`.
        tuning: how the adaptations were tuned, a sentence each.
        fine_tunes_mixtures: whether networks that were pretrained in the study are fine-tuned, besides those that were
            not.
    """

    anchors: Anchors
    target: Target
    recipe: Recipe
    adaptations: Mapping[StartKind, Mapping[str, Adaptation]]
    cache: Cache
    device: str = "cpu"
    tuning: tuple[str, ...] = ()
    fine_tunes_mixtures: bool = True

    def run(
        self,
        requests: Sequence[RowRequest],
        *,
        adaptation: str,
        count: int,
        seed: int,
        jobs: int,
        progress: Progress,
        answer: str = "",
    ) -> Confirmation:
        """Train every row with the same seeds, so that differences are paired.

        Args:
            requests: the rows, the best mixture first.
            adaptation: the one that the study is about.
            count: seeds.
            seed: of the study.
            jobs: processes; changes no number.
            progress: who is told.
            answer: name of the row that is the answer in place of the best mixture; empty if none is.
        """
        numbers = tuple(seeds.integer(seed, "confirmation", i) for i in range(count))
        predictions = self.predict(requests, numbers, jobs=jobs, progress=progress)
        truth, judged_by = self._truth()
        scored = predictions.score(truth, answer=answer)
        rows = [scored.row(request, self) for request in requests]
        best, *others = requests
        same = [one for one in others if one.candidate.key == best.candidate.key and one.kind != RowKind.CONTROL]
        same.sort(key=lambda one: (one.kind != RowKind.SINGLE_SOURCE, one.name.removesuffix(WITHIN_LIMITS) != CLOUD))
        equal = same[0].name if same else None
        known: dict[str, Any] = {"tuning": self.tuning, "judged_by": judged_by, "answer": answer}
        return Confirmation(tuple(rows), adaptation, numbers, len(truth), equal, **known)

    def predict(
        self,
        requests: Sequence[RowRequest],
        numbers: Sequence[int],
        *,
        jobs: int,
        progress: Progress,
        before: int = 0,
        total: int | None = None,
    ) -> Predictions:
        """Train every row once for each seed, and predict the images that judge.

        Args:
            requests, jobs, progress: as for `run`.
            numbers: a seed for each training.
            before, total: trainings of the whole confirmation that are done, and all of them, which progress shows.
        """
        calls = [(Confirmer.predictions, (self, one.candidate, number)) for one in requests for number in numbers]
        classes: dict[str, dict[str, list[np.ndarray]]] = {
            one.name: {name: [] for name in self.adaptations_of(one.candidate)} for one in requests
        }
        cost = dict.fromkeys(classes, 0.0)
        places = [row for row in classes for _ in numbers]
        for done, (row, (predicted, seconds)) in enumerate(zip(places, in_processes(calls, jobs), strict=True), 1):
            for name, found in predicted.items():
                classes[row][name].append(found)
            cost[row] += seconds
            progress.event(RowConfirmed(row, done=before + done, total=total or len(calls)))
        stacked = {row: {name: np.stack(found) for name, found in own.items()} for row, own in classes.items()}
        return Predictions(stacked, cost)

    def _truth(self) -> tuple[np.ndarray, str]:
        """Classes int64 (n,) that predictions are compared with, and what they are; empty text for the test part."""
        target = self.target
        if target.test_labels is not None:
            return target.test_labels.reveal(), ""
        return target.held_out.labels, f"pseudo-labels of {len(target.held_out):,} unlabelled images"

    def adaptations_of(self, candidate: Candidate) -> Mapping[str, Adaptation]:
        """Name -> adaptation of a row, with the settings that were tuned for starts of the candidate's kind."""
        found = self.adaptations[candidate.start_kind]
        if self.fine_tunes_mixtures or candidate.start_kind is StartKind.FRESH:
            return found
        return {name: adaptation for name, adaptation in found.items() if name != "fine-tune"}

    def adaptation(self, candidate: Candidate, name: str) -> Adaptation:
        """The adaptation of that name; also one that rows like this had in an earlier version and have no more."""
        return self.adaptations[candidate.start_kind][name]

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
        images = target.test_images if len(target.test_images) else target.held_out.images
        setup = Setup(target.shots, self.recipe, self.device)
        start = candidate.start(setup, seed)
        with remember_features():  # several heads read the same ones
            predicted = {
                name: candidate.adapt(start, adaptation, setup, seed).predict(images).argmax(axis=1)
                for name, adaptation in self.adaptations_of(candidate).items()
            }
        return {**predicted, "wall_seconds": np.array([time.perf_counter() - begin])}
