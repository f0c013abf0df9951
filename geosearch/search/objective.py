"""Objective: pretrain on a mixture and measure the error on labelled or pseudo-labelled images of the target."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import extract_tb
from typing import TypeAlias

import numpy as np
import torch

from geosearch import seeds
from geosearch.adaptation.base import Score, Scorer
from geosearch.data.dataset import LabelledSet
from geosearch.errors import GeosearchError, InvalidOptionError, TrainingFailedError
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.runtime.result_cache import Evaluation, get_or_evaluate
from geosearch.search.weight_path import WeightPath

Call: TypeAlias = tuple[Weights, int | None, int] | tuple[Weights, int | None, int, Augmenter | None]


@dataclass(frozen=True, eq=False)
class Objective:
    """Validation error on images of the target after pretraining on a mixture; smaller is better.

    Every mixture is trained with the same seed (common random numbers). Evaluations are read from the cache if they
    are there.

    Attributes:
        anchors: what mixtures are made of.
        images: what errors are measured on: the shots, or the shots and pseudo-labelled images.
        recipe: of the pretraining.
        scorer: measures the error on the images.
        cache: where evaluations are kept.
        seed: of the study.
        device: where networks are trained.
        interpolation: coefficients between the pretrained weights (0) and the trained ones (1) at which each network is
            scored; the evaluation is that of one of them (see `WeightPath`). Empty: the trained network is scored.
        farther: as in `WeightPath`.
    """

    anchors: Anchors
    images: LabelledSet
    recipe: Recipe
    scorer: Scorer
    cache: Cache
    seed: int
    device: str = "cpu"
    interpolation: tuple[float, ...] = ()
    farther: bool = False

    def __call__(
        self, weights: Weights, steps: int | None = None, repeat: int = 0, augmentation: Augmenter | None = None
    ) -> Evaluation:
        """Evaluate one mixture with the recipe, or with the recipe at another number of steps.

        Where a GPU has too little memory, the batch is halved once; the evaluation's note then says so.

        Args:
            weights: the mixture.
            steps: pretraining steps; those of the recipe if None.
            repeat: number of the repetition; its seed is the same for all mixtures.
            augmentation: in place of that of the recipe.

        Raises:
            TrainingFailedError: the loss stopped being finite.
        """
        recipe = self.recipe if steps is None else self.recipe.scaled(steps)
        recipe = recipe if augmentation is None else replace(recipe, augmentation=augmentation)
        try:
            return self._evaluate(weights, recipe, repeat)
        except torch.OutOfMemoryError:
            if recipe.batch < 4:
                raise
        torch.cuda.empty_cache()  # outside of `except`, whose traceback keeps the tensors alive
        halved = replace(recipe, batch=recipe.batch // 2)
        known = self._evaluate(weights, halved, repeat)
        note = f"trained with a batch of {halved.batch} in place of {recipe.batch}: the GPU ran out of memory"
        return replace(known, note=note)

    def _evaluate(self, weights: Weights, recipe: Recipe, repeat: int) -> Evaluation:
        """An evaluation from the cache; trained and stored first if it is not there."""
        mixture = Mixture(self.anchors, weights)
        path = {"interpolation": self.interpolation} if self.interpolation else {}
        key = content_key(
            "evaluation",
            version=3,
            mixture=mixture.key,
            recipe=recipe.key,
            scorer=self.scorer.key,
            images=self.images.fingerprint,
            seed=self.seed,
            repeat=repeat,
            **path,
        )
        seed = seeds.integer(self.seed, "evaluation", repeat)

        def train(steps: int = recipe.steps) -> Network:
            return pretrain(mixture, recipe.scaled(steps), seed, device=self.device)

        def score(network: Network) -> Score:
            found = self.scorer.score(network, self.images, seed, mixture)
            if not np.isfinite(found.squared_error):
                raise TrainingFailedError(
                    f"the error of the mixture is {found.squared_error}; lower the learning rates"
                )
            return found

        def evaluate() -> Evaluation:
            start = time.perf_counter()
            found = score(train())
            return Evaluation(key, found.squared_error, found.top1_error, time.perf_counter() - start)

        def measure() -> dict[str, np.ndarray]:
            return WeightPath.measure(train(0), train, self.interpolation, score).arrays()

        if not self.interpolation:
            return get_or_evaluate(self.cache, key, evaluate)
        kept = self.cache.arrays("evaluation", key, measure)
        return WeightPath.from_arrays(self.interpolation, kept, farther=self.farther).evaluation(key)

    def __sizeof__(self) -> int:
        """Bytes, arrays included: what makes Dask send an objective to a worker once, not with every call."""
        sources = self.anchors.sources
        return sum(array.nbytes for one in sources for array in (one.images, one.codes, one.labels, one.z))

    def evaluate_many(self, calls: Sequence[Call], *, jobs: int) -> list[Evaluation | TrainingFailedError]:
        """Evaluate (weights, steps, repeat, augmentation) in parallel; failed trainings are returned as their errors.

        Args:
            calls: arguments of each evaluation.
            jobs: number of processes.

        Raises:
            GeosearchError: a process was killed.
        """
        return list(in_processes([(_attempt, (self, *call)) for call in calls], jobs))


def _attempt(
    objective: Objective, weights: Weights, steps: int | None, repeat: int, augmentation: Augmenter | None = None
) -> Evaluation | TrainingFailedError:
    """A training that fails ends one trial; an invalid option ends the search."""
    try:
        return objective(weights, steps, repeat, augmentation)
    except TrainingFailedError as failure:
        return failure
    except InvalidOptionError:
        raise
    except GeosearchError as error:
        return TrainingFailedError(str(error))
    except Exception as error:
        return TrainingFailedError(_reason(error))


def _reason(error: Exception) -> str:
    """What failed, and where, on one line."""
    place = extract_tb(error.__traceback__)[-1]
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'} ({Path(place.filename).name}:{place.lineno})"
