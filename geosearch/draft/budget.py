"""Budget: how many and how long trainings a drafted study gets, so that it ends in the minutes that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geosearch.config.read import parse_study
from geosearch.config.regimes import LONG_TAIL_STEPS, TAIL_STEPS
from geosearch.config.study_config import StudyFile
from geosearch.runtime.duration import duration, whole_minutes
from geosearch.study.pace import PROPOSING, measure_encoding, measure_step, measure_union
from geosearch.study.training_steps import count_steps

SIDES = (48, 32, 28)  # pixels, tried where the size wanted leaves too small a search
_FIXED = 30.0  # seconds of loading, transport and report
_CONTROLS = (("committee", "single-source", "transferability", "joint-training"), ("single-source", "joint-training"))


@dataclass(frozen=True)
class Budget:
    """The keys of a study that its time depends on most.

    Attributes:
        evaluations: of the search; steps: of each.
        long_steps: of finalists and of the confirmation.
        seeds: trainings of every row of the confirmation.
        tuning: settings of the adaptation that are tried.
        controls: of the confirmation.
        folds: in which labels judge, for want of a test set.
    """

    evaluations: int
    steps: int
    long_steps: int
    seeds: int
    tuning: int
    controls: tuple[str, ...]
    folds: int = 5

    def of_tail(self) -> Budget:
        """The same for a pretrained network: shorter trainings, a head that tunes itself, controls without networks."""
        steps, long_steps = min(self.steps, TAIL_STEPS), min(self.long_steps, LONG_TAIL_STEPS)
        controls = tuple(name for name in self.controls if name in _CONTROLS[1])
        return replace(self, steps=steps, long_steps=long_steps, tuning=0, controls=controls)

    def sections(self, *, labels_judge: bool) -> dict[str, dict[str, Any]]:
        """Section -> key -> value.

        Args:
            labels_judge: whether there is no test set.
        """
        confirm = {"seeds": self.seeds, "tuning": self.tuning, "controls": list(self.controls)}
        return {
            "search": {"evaluations": self.evaluations},
            "recipe": {"steps": self.steps, "long_steps": self.long_steps},
            "confirm": {**confirm, "folds": self.folds} if labels_judge else confirm,
        }


BUDGETS = (  # the longest first; the third is that of the defaults
    Budget(64, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(40, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(24, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(24, 300, 600, 5, 6, _CONTROLS[0]),
    Budget(20, 200, 400, 5, 4, _CONTROLS[1]),
    Budget(16, 150, 300, 3, 3, _CONTROLS[1]),
    Budget(12, 100, 200, 3, 2, _CONTROLS[1], folds=3),
    Budget(10, 60, 100, 3, 0, (), folds=3),
)
NO_SEARCH = Budget(0, 60, 100, 3, 0, (), folds=3)  # the projection's cloud beside the baselines
_ENOUGH = 4  # a smaller image is preferred to a budget below this one


@dataclass(frozen=True)
class Plan:
    """A budget and the size of the images, with the time that they take.

    Attributes:
        budget: the budget; size: of the images, pixels.
        seconds: estimate for this machine.
        minutes: what was given.
        labels_judge: whether there is no test set.
    """

    budget: Budget
    size: int
    seconds: float
    minutes: float
    labels_judge: bool = False

    @property
    def fits(self) -> bool:
        """Whether it ends in time."""
        return self.seconds <= 60 * self.minutes

    @property
    def reason(self) -> str:
        """A sentence about the time."""
        takes = f"about {duration(whole_minutes(self.seconds))} on this machine"
        if self.fits:
            return f"{takes}; {self.minutes:g} minutes were given"
        return f"{takes}, more than the {self.minutes:g} minutes that were given: there is no smaller budget"


def plan_budget(
    settings: Mapping[str, Mapping[str, Any]],
    *,
    classes: int,
    size: int,
    minutes: float,
    images: int = 0,
    labels_judge: bool = False,
) -> Plan:
    """The largest budget that fits, at the largest size of images at which a whole search fits.

    Args:
        settings: the other keys of the study, section -> key -> value.
        classes: number of classes of all sources together.
        size: largest side of the images, pixels; it stays so before a pretrained network, which enlarges them.
        minutes: how long the study may take.
        images: of all sets together, which a pretrained network encodes.
        labels_judge: whether there is no test set.
    """
    pretrained = "network" in settings.get("recipe", {})
    budgets = tuple(budget.of_tail() for budget in (*BUDGETS, NO_SEARCH)) if pretrained else BUDGETS
    sides = [size, *(side for side in SIDES if side < size and not pretrained)]
    given: dict[str, Any] = {"classes": classes, "minutes": minutes, "images": images, "labels_judge": labels_judge}
    found = [_fitting(settings, budgets, size=side, **given) for side in sides]
    return next((plan for plan in found if plan.fits and budgets.index(plan.budget) <= _ENOUGH), found[-1])


def _fitting(
    settings: Mapping[str, Mapping[str, Any]],
    budgets: Sequence[Budget],
    *,
    classes: int,
    size: int,
    minutes: float,
    images: int,
    labels_judge: bool,
) -> Plan:
    """The largest budget that fits at a size; the smallest one if none does."""
    first = _study(settings, budgets[0], size, labels_judge)
    step = measure_step(first, classes)
    fixed = _FIXED + (images * measure_encoding(first) if first.mixes_features else 0.0) + measure_union(first, classes)

    def plan(budget: Budget) -> Plan:
        file = _study(settings, budget, size, labels_judge)
        steps = count_steps(file, len(file.domain.sources), cross_fits=labels_judge)
        seconds = steps * step / file.search.jobs + fixed + PROPOSING * budget.evaluations * file.mixes_features
        return Plan(budget, size, seconds, minutes, labels_judge)

    plans = map(plan, budgets)
    return next(one for one in plans if one.fits or one.budget is budgets[-1])


def _study(settings: Mapping[str, Mapping[str, Any]], budget: Budget, size: int, labels_judge: bool) -> StudyFile:
    keys = budget.sections(labels_judge=labels_judge)
    sections = {name: {**settings.get(name, {}), **changed} for name, changed in keys.items()}
    return parse_study({**settings, **sections, "domain": {**settings["domain"], "size": size}})
