"""Ablation: how much each source contributes to the best mixture, by training without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geosearch.errors import TrainingFailedError
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.nn.augmenter import Augmenter
from geosearch.runtime.json_records import from_json, to_json
from geosearch.search.objective import Objective
from geosearch.search.samplers.surrogate import FEWEST, Surrogate
from geosearch.search.study_record import StudyRecord
from geosearch.search.trial_record import TrialRecord, errors_by_mixture

MOST_LEFT_OUT = 8  # sources without which the best mixture is trained


@dataclass(frozen=True)
class LeftOut:
    """The best mixture without one of its sources, the other weights scaled up; larger is worse.

    Attributes:
        source: its name.
        share: its weight in the best mixture.
        expected: increase of the squared validation error by the surrogate; None with few trials.
        deviation: posterior standard deviation of that.
        added: increase in one training, as long and with the same seed as those of the search, which the surrogate
            was fitted to; None if it failed.
    """

    source: str
    share: float
    expected: float | None
    deviation: float | None
    added: float | None


@dataclass(frozen=True)
class Ablation:
    """The best mixture without each of its sources in turn.

    Attributes:
        trial: number of the best trial at that time.
        sources: one entry for each source of its mixture; empty for a single source.
    """

    trial: int
    sources: tuple[LeftOut, ...]

    @classmethod
    def of(cls, study: StudyRecord) -> Ablation | None:
        """The ablation that a study keeps; None before its first one.

        Raises:
            ValueError: it holds something else.
        """
        return None if study.ablation is None else from_json(cls, study.ablation)

    def to_json(self) -> dict[str, Any]:
        """As `StudyRecord.ablation` keeps it."""
        kept: dict[str, Any] = to_json(Ablation, self)
        return kept


def explain(
    best: Weights,
    names: Sequence[str],
    trials: Sequence[TrialRecord],
    *,
    hull: Hull,
    objective: Objective,
    steps: int,
    jobs: int,
    augmentation: Augmenter | None = None,
) -> tuple[LeftOut, ...]:
    """One entry for each source of the best mixture, in the order of the sources; none for a single source.

    Of a mixture of many sources, only the `MOST_LEFT_OUT` with the largest weights are left out.

    Args:
        best: the mixture.
        names: of all sources.
        trials: evaluations that the surrogate is fitted to.
        hull: the geometry of the mixtures.
        objective: evaluates mixtures; known ones cost nothing.
        steps: of the trainings of the search.
        jobs: processes.
        augmentation: that the search found for the mixture; None for that of the recipe.
    """
    if len(best.support) < 2:
        return ()
    heaviest = sorted(best.support, key=lambda i: -best.values[i])[:MOST_LEFT_OUT]
    left_out = sorted(heaviest)
    without = [without_source(best, i) for i in left_out]
    calls = [(weights, steps, 0, augmentation) for weights in (best, *without)]
    results = objective.evaluate_many(calls, jobs=jobs)
    errors = [None if isinstance(result, TrainingFailedError) else result.squared_error for result in results]
    expected = _expected(best, without, trials, hull)
    return tuple(
        LeftOut(names[i], best.values[i], mean, deviation, _added(error, errors[0]))
        for i, (mean, deviation), error in zip(left_out, expected, errors[1:], strict=True)
    )


def _added(error: float | None, best: float | None) -> float | None:
    return None if error is None or best is None else error - best


def without_source(weights: Weights, i: int) -> Weights:
    """The same mixture without source i."""
    values = weights.array
    values[i] = 0
    return Weights.of(values / values.sum(), weights.concentration, weights.pairing)


def _expected(
    best: Weights, without: Sequence[Weights], trials: Sequence[TrialRecord], hull: Hull
) -> list[tuple[float, float] | tuple[None, None]]:
    """(added error, its deviation) of each by the surrogate of the short recipe; None with too few trials."""
    done = errors_by_mixture(trials)
    if len(done) < FEWEST:
        return [(None, None)] * len(without)

    surrogate = Surrogate.fit(*hull.features(list(done)), np.array(list(done.values())))
    asked = hull.features([best, *without])
    added = surrogate.predict(*asked)[0][1:] - surrogate.predict(*asked)[0][0]
    covariance = surrogate.covariance(*asked)
    variances = np.diag(covariance)[1:] + covariance[0, 0] - 2 * covariance[0, 1:]  # similar ones correlate
    return list(zip(added.tolist(), np.sqrt(np.maximum(variances, 0)).tolist(), strict=True))
