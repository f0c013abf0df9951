"""TrialRecord: one trial of a study that ended, as it is read back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from optuna.trial import FrozenTrial, TrialState

from geosearch.mixture.weights import Weights
from geosearch.nn.augmentation import Augmentation
from geosearch.runtime.result_cache import PathPoint
from geosearch.search.space import Space
from geosearch.search.trial_facts import Failed, LongRuns, ProxyValue, Repeat, Trained, fact_of, proposal_of
from geosearch.search.weight_path import path_place

NO_TRIAL = -1  # number of a mixture that is no trial
Value = TypeVar("Value")


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study that ended.

    Attributes:
        number: Optuna's number of the trial; `NO_TRIAL` of the free answer, which is none.
        state: "complete", "failed", "repeat" (a mixture of another trial, not trained again), or "untrained" for the
            free answer.
        role: the baseline that it is, or "searched".
        weights: (m,) on the simplex.
        concentration: 0 = pooled, inf = the point on the generalized geodesic.
        pairing: "transport" or "random".
        closed_form: squared feature units.
        proxy: debiased OTDD to held-out target images, squared feature units; None if it was not computed.
        error: what the study minimizes: a squared error on pseudo-labelled images, or on the shots.
        top1_error: error rate on the same images, in [0, 1].
        long_error: posterior mean of the error after the long recipe; finalists only.
        wall_seconds: of the short training.
        round, index: of its proposal.
        long_deviation: posterior standard deviation of `long_error`.
        long_runs: trainings with the long recipe.
        long_seconds: wall time of these.
        expected_error: what the surrogate expected when the trial became a finalist.
        proxy_seconds: wall time of the proxy.
        closed_seconds: wall time of the closed form.
        repeat: which trial it repeats.
        failed: why it failed.
        note: what was unusual about its training.
        interpolation: how far its network is from the pretrained weights (0) to the trained ones (1); None if no
            networks between them are scored.
        path: its errors at every coefficient that was scored.
        augmentation: of its training, if it was searched; None for that of the study.

    >>> values = {"closed_form": 3.1, "proxy": 3.3, "error": None, "top1_error": None, "long_error": None}
    >>> place = {"number": 7, "role": "searched", "wall_seconds": 0.0}
    >>> trial = TrialRecord(**place, **values, state="repeat", weights=(0.5, 0.5), concentration=2.0,
    ...                     pairing="transport", repeat=Repeat(of=3))
    >>> trial.reason
    'repeats trial 3'
    """

    number: int
    state: str
    role: str
    weights: tuple[float, ...]
    concentration: float
    pairing: str
    closed_form: float
    proxy: float | None
    error: float | None
    top1_error: float | None
    long_error: float | None
    wall_seconds: float
    round: int = 0
    index: int = 0
    long_deviation: float | None = None
    long_runs: int = 0
    long_seconds: float = 0.0
    expected_error: float | None = None
    proxy_seconds: float = 0.0
    closed_seconds: float = 0.0
    repeat: Repeat | None = None
    failed: Failed | None = None
    note: str = ""
    interpolation: float | None = None
    path: tuple[PathPoint, ...] = ()
    augmentation: Augmentation | None = None

    @property
    def point(self) -> Weights:
        """Its mixture."""
        return Weights(self.weights, self.concentration, self.pairing)

    @property
    def name(self) -> str:
        """What it is called in texts: "trial 7", or "free answer"."""
        return "free answer" if self.number == NO_TRIAL else f"trial {self.number}"

    @property
    def path_place(self) -> str:
        """Where its network is between the pretrained and the trained weights, in words; empty if it is trained."""
        return "" if self.interpolation is None else path_place(self.interpolation)

    @property
    def reason(self) -> str:
        """Why it was not trained or failed, or what was unusual about its training, for people; often empty."""
        return str(self.failed or self.repeat or self.note)


def record_of(trial: FrozenTrial, space: Space, long: LongRuns | None) -> TrialRecord:
    """The record of an Optuna trial that ended; `long` are its trainings with the long recipe, if it was a finalist."""
    proposal, trained, proxy = proposal_of(trial), fact_of(trial, Trained), fact_of(trial, ProxyValue)
    point = space.weights_of(trial.params)
    return TrialRecord(
        number=trial.number,
        state={TrialState.COMPLETE: "complete", TrialState.PRUNED: "repeat"}.get(trial.state, "failed"),
        role=proposal.role,
        weights=point.values,
        concentration=point.concentration,
        pairing=point.pairing,
        closed_form=proposal.closed_form,
        proxy=proxy.otdd if proxy else None,
        error=trial.value if trial.state == TrialState.COMPLETE else None,
        top1_error=trained.top1_error if trained else None,
        long_error=long.error if long else None,
        long_deviation=long.deviation if long else None,
        long_runs=long.runs if long else 0,
        long_seconds=long.seconds if long else 0.0,
        expected_error=long.expected_error if long else None,
        proxy_seconds=proxy.seconds if proxy else 0.0,
        closed_seconds=proposal.closed_seconds,
        wall_seconds=trained.wall_seconds if trained else 0.0,
        round=proposal.round,
        index=proposal.index,
        repeat=fact_of(trial, Repeat),
        failed=fact_of(trial, Failed),
        note=trained.note if trained else "",
        interpolation=trained.interpolation if trained else None,
        path=trained.path if trained else (),
        augmentation=space.augmentation_of(trial.params),
    )


def drop_repeats(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first trial of each mixture: a repeat is read from the cache, so it is no independent evaluation."""
    found: dict[Weights, TrialRecord] = {}
    for trial in trials:
        found.setdefault(trial.point, trial)
    return list(found.values())


def errors_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, float]:
    """Mixture -> error, for every mixture that was evaluated."""
    return _first_by_mixture((trial.point, trial.error) for trial in trials)


def interpolation_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, float]:
    """Mixture -> coefficient of its network, for every mixture of which networks on the path were scored."""
    return _first_by_mixture((trial.point, trial.interpolation) for trial in trials)


def augmentation_by_mixture(trials: Iterable[TrialRecord]) -> dict[Weights, Augmentation]:
    """Mixture -> augmentation, for every mixture that was trained with another than that of the study."""
    return _first_by_mixture((trial.point, trial.augmentation) for trial in trials if trial.error is not None)


def _first_by_mixture(found: Iterable[tuple[Weights, Value | None]]) -> dict[Weights, Value]:
    first: dict[Weights, Value] = {}
    for point, value in found:
        if value is not None:
            first.setdefault(point, value)
    return first
