"""The confirmation: best mixture and baselines again, several seeds, on the test part. Sole reader of test labels."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fit_ridge_from_scratch, train_from_scratch
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.statistics import BEST, NO_PRETRAINING, Confirmation, Row, RowKind
from geosearch.confirmation.variants import VARIANTS, Candidate, EnsembleTeacher, Plain, row_name
from geosearch.data.target import Target
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.events import RowConfirmed
from geosearch.runtime.parallel import in_processes, one_thread
from geosearch.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Confirmer:
    """Retrains candidates with the long recipe and scores them on the target's test part.

    Attributes:
        anchors: what mixtures are made of.
        target: shots to adapt to, test part to score on.
        recipe: the long recipe.
        scratch: the recipe of the run without pretraining, tuned on the shots.
        adaptations: name -> adaptation; every row is scored under each.
        cache: where predictions are kept, so that an interrupted confirmation goes on.
    """

    anchors: Anchors
    target: Target
    recipe: Recipe
    scratch: Recipe
    adaptations: Mapping[str, Adaptation]
    cache: Cache
    device: str = "cpu"

    def run(
        self,
        best: Weights,
        baselines: Mapping[str, Weights],
        *,
        singles: Mapping[str, str] | None = None,
        adaptation: str,
        count: int,
        seed: int,
        jobs: int,
        progress: Progress,
        variants: Sequence[str] = (),
        finalists: Sequence[Weights] = (),
    ) -> Confirmation:
        """Train every row with the same seeds, so that differences are paired.

        Args:
            best: the best mixture.
            baselines: row -> mixture.
            singles: row -> source, for the baselines that are single sources.
            adaptation: the one that the study is about.
            count: seeds.
            seed: of the study.
            jobs: processes; changes no number.
            progress: who is told.
            variants: of the best mixture that are rows too, by their names in study files.
            finalists: mixtures of the race, the best first; the variant "ensemble-teacher" uses them.
        """
        mixtures, singles = {BEST: best, **baselines}, singles or {}
        candidates: dict[str, Candidate | None] = {row: Plain(Mixture(self.anchors, a)) for row, a in mixtures.items()}
        candidates[NO_PRETRAINING] = None
        kinds = {BEST: (RowKind.BEST, ""), NO_PRETRAINING: (RowKind.NO_PRETRAINING, "")}
        kinds |= {row: (RowKind.SINGLE_SOURCE, source) for row, source in singles.items()}
        with one_thread():
            for name in variants:
                variant = VARIANTS.build(name, {})
                row = row_name(variant)
                kinds[row] = (RowKind.VARIANT, variant.title)
                candidates[row] = variant.candidate(self.anchors, best, self.target.shots, finalists)
        numbers = tuple(seeds.integer(seed, "confirmation", i) for i in range(count))
        calls = [
            (Confirmer.predictions, (self, candidate, number))
            for candidate in candidates.values()
            for number in numbers
        ]
        truth = self.target.test_labels.reveal()
        errors: dict[str, dict[str, list[float]]] = {row: {name: [] for name in self.adaptations} for row in candidates}
        cost = dict.fromkeys(candidates, 0.0)
        places = [row for row in candidates for _ in numbers]
        for done, (row, (predicted, seconds)) in enumerate(zip(places, in_processes(calls, jobs), strict=True), 1):
            for name, classes in predicted.items():
                errors[row][name].append(float(np.mean(classes != truth)))
            cost[row] += seconds
            progress.event(RowConfirmed(row, done=done, total=len(calls)))
        rows = [
            Row(
                row,
                {name: tuple(values) for name, values in errors[row].items()},
                cost[row],
                *kinds.get(row, (RowKind.BASELINE, "")),
            )
            for row in candidates
        ]
        equal = next((row for row, weights in baselines.items() if weights == best), None)
        return Confirmation(tuple(rows), adaptation, numbers, len(truth), equal)

    def __sizeof__(self) -> int:
        """Bytes, arrays included; see `Objective`."""
        sources = self.anchors.sources
        return sum(array.nbytes for one in sources for array in (one.images, one.codes, one.labels, one.z))

    def predictions(self, candidate: Candidate | None, seed: int) -> tuple[dict[str, np.ndarray], float]:
        """Predicted classes (n,) of the test images per adaptation, and the seconds that they once took."""
        key = content_key(
            "predictions",
            version=2,
            mixture=candidate.key if candidate else NO_PRETRAINING,
            recipe=self.recipe.key if candidate else (self.recipe.key, self.scratch.key),
            adaptations={name: adaptation.key for name, adaptation in self.adaptations.items()},
            target=self.target.key,
            seed=seed,
        )
        stored = self.cache.arrays("predictions", key, lambda: self._predict(candidate, seed))
        return {name: stored[name] for name in self.adaptations}, float(stored["wall_seconds"][0])

    def _predict(self, candidate: Candidate | None, seed: int) -> dict[str, np.ndarray]:
        start = time.perf_counter()
        shots, images = self.target.shots, self.target.test_images
        pretrained = candidate.pretrained(self.recipe, seed, device=self.device) if candidate else None
        alone = None if candidate else train_from_scratch(shots, self.scratch, seed, device=self.device)
        predicted = {}
        for name, adaptation in self.adaptations.items():
            if pretrained is not None:
                network, stream = pretrained
                if isinstance(candidate, EnsembleTeacher) and isinstance(adaptation, SelfTraining):
                    predictor = candidate.student(network, adaptation, self.recipe, shots, seed, device=self.device)
                else:
                    predictor = adaptation.fit(network, shots, seed, stream)
            elif alone and isinstance(adaptation, SelfTraining):  # with the augmentation that the shots were tuned to
                how = replace(adaptation, augmentation=self.scratch.augmentation)
                predictor = how.train_student(alone, alone.network, shots, seed)
            elif alone and isinstance(adaptation, FineTuning):  # rehearsal included: there is nothing to rehearse
                predictor = alone
            else:
                predictor = fit_ridge_from_scratch(shots, self.recipe, seed)
            predicted[name] = predictor.predict(images).argmax(axis=1)
        return {**predicted, "wall_seconds": np.array([time.perf_counter() - start])}
