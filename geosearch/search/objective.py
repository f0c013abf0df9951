"""The expensive opinion of a mixture: pretrain on it, adapt to the shots, read the error on the shots."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joblib import Parallel, delayed

from geosearch import seeds
from geosearch.cache import content_key
from geosearch.domain.dataset import LabelledSet
from geosearch.errors import TrainingFailed
from geosearch.evaluate.adaptation import Adaptation
from geosearch.evaluate.ledger import Evaluation, Ledger
from geosearch.evaluate.recipe import Recipe
from geosearch.evaluate.train import pretrain
from geosearch.geodesic.anchors import Anchors
from geosearch.geodesic.mixture import Mixture
from geosearch.geodesic.simplex import Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


@dataclass(frozen=True, eq=False)
class Objective:
    """Error on the target's shots after pretraining on a mixture; smaller is better.

    Every mixture is trained with the same seed (common random numbers), and what the ledger knows is not
    trained again.
    """

    anchors: Anchors
    shots: LabelledSet
    recipe: Recipe
    adaptation: Adaptation
    ledger: Ledger
    seed: int
    device: str = "cpu"

    def __call__(self, weights: Weights, steps: int | None = None) -> Evaluation:
        """Evaluate one mixture with the recipe, or with the recipe at another number of steps.

        Raises:
            TrainingFailed: the loss stopped being finite.
        """
        recipe = self.recipe if steps is None else self.recipe.scaled(steps)
        mixture = Mixture(self.anchors, weights)
        key = content_key(
            "evaluation",
            version=1,
            mixture=mixture.key,
            recipe=recipe.key,
            adaptation=self.adaptation.key,
            shots=self.shots.fingerprint,
            seed=self.seed,
        )
        if known := self.ledger.get(key):
            return known
        start = time.perf_counter()
        seed = seeds.integer(self.seed, "evaluation")
        network = pretrain(mixture, recipe, seed, device=self.device)
        score = self.adaptation.score(network, self.shots, seed)
        evaluation = Evaluation(key, score.squared_error, score.top1_error, time.perf_counter() - start)
        self.ledger.put(key, evaluation)
        return evaluation

    def many(
        self, weights: Sequence[Weights], *, steps: int | None = None, jobs: int = 1
    ) -> list[Evaluation | TrainingFailed]:
        """Evaluate side by side in `jobs` processes; a failed training comes back as its error."""
        return list(in_processes([(_attempt, (self, point, steps)) for point in weights], jobs))


def in_processes(calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]], jobs: int) -> Iterable[Any]:
    """Results of the calls in their order, each computed with one thread, so that numbers do not depend on `jobs`."""
    if jobs == 1 or len(calls) == 1:
        for function, arguments in calls:
            yield _alone(function, arguments)
    else:
        workers = Parallel(n_jobs=min(jobs, len(calls)), return_as="generator")
        yield from workers(delayed(_alone)(function, arguments) for function, arguments in calls)


def _alone(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    with one_thread():
        return function(*arguments)


def _attempt(objective: Objective, weights: Weights, steps: int | None) -> Evaluation | TrainingFailed:
    try:
        return objective(weights, steps)
    except TrainingFailed as failure:
        return failure


@contextmanager
def one_thread() -> Iterator[None]:
    """Train with one thread, whatever the machine offers: sums then do not depend on how they were split."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
