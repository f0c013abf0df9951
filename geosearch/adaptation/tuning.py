"""Tuner: the settings of an adaptation, chosen by cross-validation on the shots."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from geosearch import seeds
from geosearch.adaptation.cross_validation import can_be_left_out, stratified_folds
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.ridge import one_hot
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.augmentation import Augmentation, strengthen
from geosearch.nn.networks import Network
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes

optuna.logging.set_verbosity(optuna.logging.ERROR)
G = TypeVar("G", bound=GradientAdaptation)
SEEDS = 2**32  # Optuna hands seeds to NumPy's older generators
SHORTEST = 50  # steps
RATES = (5e-4, 3e-2)
DECAYS = (1e-2, 1.0)
BODY_RATES = (3e-2, 1.0)
STRENGTHS = (0.0, 1.5)  # of the augmentation, as a factor on the default's
# trials after the default's: steps as a fraction of the longest training, the rest as factors on the default's;
# chosen with five shots of kmnist, fashion_mnist, usps and az_letters at 16 px (CHANGELOG.md has the check)
PROMISING: tuple[Mapping[str, float], ...] = (
    {"steps": 0.4, "weight_decay": 3.0},
    {"steps": 0.4, "weight_decay": 10.0},
    {"steps": 0.4, "weight_decay": 10.0, "body_rate": 0.1},
    {"steps": 0.8, "weight_decay": 10.0},
)
PROMISING_FRESH: tuple[Mapping[str, float], ...] = (  # the same for a network that was never trained
    {"steps": 0.67, "weight_decay": 10.0},
    {"steps": 0.4, "weight_decay": 10.0},
    {"steps": 0.4, "weight_decay": 10.0, "learning_rate": 0.5},
    {"steps": 0.8, "weight_decay": 3.0},
)
REFERENCE = 1  # the trial that is chosen unless another is clearly better


@dataclass(frozen=True)
class Tuned(Generic[G]):
    """An adaptation with tuned settings.

    Attributes:
        adaptation: with the settings that were chosen.
        trainings: number of settings that were tried, the default's included; 0 if nothing was tuned.
        default_error: cross-validated squared error of the default settings; infinite if their training failed.
        error: that of the chosen settings.
    """

    adaptation: G
    trainings: int = 0
    default_error: float = float("nan")
    error: float = float("nan")


@dataclass(frozen=True)
class Tuner:
    """Tune length, learning rate, weight decay, augmentation, and how much of the network moves.

    The first trial has the settings of the adaptation as it is, the next ones have settings that often do well, and
    a Gaussian process proposes the others. The criterion is the squared error, cross-validated on the shots; no other
    label of the target is used. Errors on few shots are noisy, and the smallest of several is too small. So the second
    trial, whose settings did best on the sets that they were chosen on, is kept unless the best one is better by more
    than `margin` standard errors of the difference.

    Attributes:
        trainings: number of settings to try, the default's included; with 0 and 1 nothing is tuned.
        longest: steps of the longest training that may be chosen; a default that is longer may be kept.
        folds: folds of the cross-validation; never more than the largest class has shots.
        margin: see above.

    Example:
        >>> import tempfile, geosearch
        >>> from pathlib import Path
        >>> from geosearch.adaptation import FineTuning
        >>> from geosearch.nn import SmallConv
        >>> shots = geosearch.load("digits").take(range(60))
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tuner, cache = Tuner(trainings=2, longest=20), Cache(Path(folder))
        ...     tuned = tuner.tune(FineTuning(steps=5), lambda: network, shots, 0, key="a fresh network", cache=cache)
        >>> tuned.trainings, tuned.error <= tuned.default_error
        (2, True)
    """

    trainings: int = 8
    longest: int = 1500
    folds: int = 3
    margin: float = 2.0

    def __post_init__(self) -> None:
        if self.trainings < 0 or self.longest < 1 or self.folds < 2 or self.margin < 0:
            raise InvalidOptionError(
                f"Tuner needs trainings >= 0, longest >= 1, folds >= 2 and margin >= 0, got {self.trainings}, "
                f"{self.longest}, {self.folds} and {self.margin}"
            )

    def tune(
        self,
        adaptation: G,
        start: Callable[[], Network],
        shots: LabelledSet,
        seed: int,
        *,
        key: str,
        cache: Cache,
        jobs: int = 1,
        is_trained: bool = True,
    ) -> Tuned[G]:
        """Choose the settings for one start.

        Where no class has two shots there is nothing to validate on, and the default is kept (see `reference`). A
        training that fails is a bad trial.

        Args:
            adaptation: the default settings; one that needs no mixture.
            start: gives the network that is adapted; called only if the result is not in the cache.
            shots: labelled images of the target.
            seed: seed of the folds, the proposals and the trainings.
            key: content key of the network.
            cache: keeps the validation errors.
            jobs: number of processes; has no effect on the result.
            is_trained: False for a network that was never trained: its body always moves at the full rate.
        """
        if self.trainings < 2 or not can_be_left_out(shots.labels).any():
            return Tuned(adaptation)
        space = Space.of(adaptation, self.longest, is_trained=is_trained)
        options = {name: getattr(self, name) for name in ("trainings", "longest", "folds")}
        asked = {"adaptation": adaptation.key, "start": key, "shots": shots.fingerprint, "seed": seed, **options}
        full = content_key("tuning", version=1, is_trained=is_trained, promising=space.promising, **asked)
        stored = cache.arrays("tuning", full, lambda: self._search(space, start(), shots, seed, jobs))
        errors = np.asarray(stored["squared_errors"])
        best = choose_trial(errors, self.margin)
        chosen = space.adaptation(dict(zip(space.ranges, stored["parameters"][best].tolist(), strict=True)))
        return Tuned(chosen if best else adaptation, len(errors), float(errors[0].mean()), float(errors[best].mean()))

    def reference(self, adaptation: G, *, is_trained: bool = True) -> G:
        """The settings that are kept unless others are clearly better: for adaptations that cannot be tuned."""
        space = Space.of(adaptation, self.longest, is_trained=is_trained)
        return space.adaptation(space.first_trials()[REFERENCE])

    def _search(
        self, space: Space[Any], network: Network, shots: LabelledSet, seed: int, jobs: int
    ) -> dict[str, np.ndarray]:
        """Parameters (t, p) of all trials, and their squared errors on the shots (t, n)."""
        study = _optuna_study(space, self.trainings, seeds.integer(seed, "tuning", "proposals") % SEEDS)
        parameters: list[list[float]] = []
        errors: list[np.ndarray] = []
        while len(errors) < self.trainings:
            count = 1 if errors else len(study.get_trials(deepcopy=False))  # those that are given, side by side
            trials = [study.ask(dict(space.ranges)) for _ in range(count)]
            adaptations = [space.adaptation(trial.params) for trial in trials]
            for trial, squared in zip(trials, self._validate(adaptations, network, shots, seed, jobs), strict=True):
                if np.isfinite(squared).all():
                    study.tell(trial, float(squared.mean()))
                else:
                    study.tell(trial, state=TrialState.FAIL)
                parameters.append([float(trial.params[name]) for name in space.ranges])
                errors.append(squared)
        return {"parameters": np.array(parameters), "squared_errors": np.array(errors)}

    def _validate(
        self, adaptations: Sequence[GradientAdaptation], network: Network, shots: LabelledSet, seed: int, jobs: int
    ) -> Iterator[np.ndarray]:
        """Squared error of every shot that a fold leaves out (n,), predicted without it; infinite where that failed."""
        folds = list(stratified_folds(shots.labels, self.folds, seeds.stream(seed, "folds")))
        calls = [(_predict_fold, (how, network, shots, *rows, seed)) for how in adaptations for rows in folds]
        scores = iter(in_processes(calls, jobs))
        target, judged = one_hot(shots.labels, len(shots.classes)), can_be_left_out(shots.labels)
        for _ in adaptations:
            squared = np.empty(len(shots))
            for _, validation_rows in folds:
                squared[validation_rows] = ((next(scores) - target[validation_rows]) ** 2).sum(1)
            squared = squared[judged]
            yield np.where(np.isfinite(squared), squared, np.inf)


@dataclass(frozen=True)
class Space(Generic[G]):
    """What can be tuned in an adaptation.

    Attributes:
        default: the settings as they are.
        ranges: parameter -> its range.
        promising: what is tried after the default.
    """

    default: G
    ranges: Mapping[str, IntDistribution | FloatDistribution]
    promising: Sequence[Mapping[str, float]]

    @classmethod
    def of(cls, default: G, longest: int, *, is_trained: bool) -> Space[G]:
        """The space around an adaptation; trainings have at most `longest` steps, or the default's."""
        ranges: dict[str, IntDistribution | FloatDistribution] = {
            "steps": IntDistribution(min(SHORTEST, default.steps, longest), max(longest, default.steps), log=True),
            "learning_rate": _log_range(RATES, default.learning_rate),
            "weight_decay": _log_range(DECAYS, default.weight_decay),
        }
        known = default.augmentation
        if isinstance(known, Augmentation) and known.recolour:
            ranges["recolour"] = IntDistribution(0, 1)
        if isinstance(known, Augmentation) and not replace(known, recolour=0.0).is_identity:
            ranges["augmentation"] = FloatDistribution(*STRENGTHS)
        if is_trained and not isinstance(default, LinearProbe):
            ranges["body_rate"] = _log_range(BODY_RATES, default.body_rate)
        return cls(default, ranges, PROMISING if is_trained else PROMISING_FRESH)

    def first_trials(self) -> list[dict[str, float]]:
        """Parameters of the trials that no sampler proposes: the default's first."""
        plain = {"recolour": 1, "augmentation": 1.0}
        own = {name: plain.get(name) or getattr(self.default, name) for name in self.ranges}
        found = []
        for factors in ({}, *self.promising):
            if not set(factors) <= set(self.ranges):
                continue
            asked = {name: value * factors.get(name, 1.0) for name, value in own.items()}
            if "steps" in factors:
                asked["steps"] = self.ranges["steps"].high * factors["steps"]
            found.append({name: _into(self.ranges[name], value) for name, value in asked.items()})
        return found

    def adaptation(self, parameters: Mapping[str, float]) -> G:
        """The adaptation with these parameters."""
        augmentation = strengthen(self.default.augmentation, parameters.get("augmentation", 1.0))
        if isinstance(augmentation, Augmentation):
            augmentation = replace(augmentation, recolour=augmentation.recolour * parameters.get("recolour", 1))
        return replace(
            self.default,
            steps=round(parameters["steps"]),
            learning_rate=parameters["learning_rate"],
            weight_decay=parameters["weight_decay"],
            body_rate=parameters.get("body_rate", self.default.body_rate),
            augmentation=augmentation,
        )


def choose_trial(squared_errors: np.ndarray, margin: float) -> int:
    """The trial with the smallest mean error, or the reference if the difference is within the noise.

    Args:
        squared_errors: (t, n), of every trial on the same n shots; infinite where a training failed.
        margin: how many standard errors of the paired difference the best trial has to be better by.
    """
    best, reference = int(squared_errors.mean(1).argmin()), min(REFERENCE, len(squared_errors) - 1)
    if not np.isfinite(squared_errors[reference]).all():
        return best
    gain = squared_errors[reference] - squared_errors[best]
    return best if gain.mean() > margin * gain.std() / np.sqrt(len(gain)) else reference


def take_over(tuned: GradientAdaptation, default: GradientAdaptation, other: G, longest: int) -> G:
    """Settings that were tuned for one adaptation, in another one of the same networks.

    Args:
        tuned: what was found.
        default: what the tuning started from.
        other: gets learning rate, weight decay, augmentation and body rate of `tuned`; its steps grow as those did.
        longest: steps that `other` may have at most, unless it has more already.
    """
    steps = round(other.steps * tuned.steps / default.steps)
    kept = {name: getattr(tuned, name) for name in ("learning_rate", "weight_decay", "augmentation", "body_rate")}
    return replace(other, steps=min(steps, max(longest, other.steps)), **kept)


def _optuna_study(space: Space[Any], trainings: int, seed: int) -> optuna.Study:
    """In memory; it starts with the given trials."""
    first = space.first_trials()[:trainings]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=len(first))
    study = optuna.create_study(sampler=sampler)
    for parameters in first:
        study.enqueue_trial(parameters)
    return study


def _predict_fold(
    adaptation: GradientAdaptation,
    network: Network,
    shots: LabelledSet,
    fit_rows: np.ndarray,
    validation_rows: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Class scores of the validation rows by a network that was adapted to the others; infinite if that failed."""
    try:
        return adaptation.fit(network, shots.take(fit_rows), seed).predict(shots.images[validation_rows])
    except TrainingFailedError:
        return np.full((len(validation_rows), len(shots.classes)), np.inf)


def _log_range(bounds: tuple[float, float], default: float) -> FloatDistribution:
    """A logarithmic range that includes the default, unless that is 0."""
    low, high = bounds
    return FloatDistribution(min(low, default or low), max(high, default), log=True)


def _into(allowed: IntDistribution | FloatDistribution, value: float) -> float:
    """The nearest value that is allowed."""
    clipped = min(max(value, allowed.low), allowed.high)
    return round(clipped) if isinstance(allowed, IntDistribution) else clipped
