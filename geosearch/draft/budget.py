"""Budget: how many and how long trainings a drafted study gets, so that it ends in the minutes that are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geosearch.config.read import parse_study
from geosearch.runtime.duration import duration, whole_minutes
from geosearch.study.estimate import count_steps, measure_step

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
    """

    evaluations: int
    steps: int
    long_steps: int
    seeds: int
    tuning: int
    controls: tuple[str, ...]

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """Section -> key -> value."""
        return {
            "search": {"evaluations": self.evaluations},
            "recipe": {"steps": self.steps, "long_steps": self.long_steps},
            "confirm": {"seeds": self.seeds, "tuning": self.tuning, "controls": list(self.controls)},
        }


BUDGETS = (  # the longest first; the third is that of the defaults
    Budget(64, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(40, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(24, 300, 1000, 5, 8, _CONTROLS[0]),
    Budget(24, 300, 600, 5, 6, _CONTROLS[0]),
    Budget(20, 200, 400, 5, 4, _CONTROLS[1]),
    Budget(16, 150, 300, 3, 3, _CONTROLS[1]),
    Budget(12, 100, 200, 3, 2, _CONTROLS[1]),
    Budget(10, 60, 100, 3, 0, ()),
)
_ENOUGH = 4  # a smaller image is preferred to a budget below this one


@dataclass(frozen=True)
class Plan:
    """A budget and the size of the images, with the time that they take.

    Attributes:
        budget: the budget; size: of the images, pixels.
        seconds: estimate for this machine.
        minutes: what was given.
    """

    budget: Budget
    size: int
    seconds: float
    minutes: float

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


def plan_budget(settings: Mapping[str, Mapping[str, Any]], *, classes: int, size: int, minutes: float) -> Plan:
    """The largest budget that fits, at the largest size of images at which a whole search fits.

    Args:
        settings: the other keys of the study, section -> key -> value.
        classes: number of classes of all sources together.
        size: largest side of the images, pixels.
        minutes: how long the study may take.
    """
    sides = [size, *(side for side in SIDES if side < size)]
    found = [_fitting(settings, classes=classes, size=side, minutes=minutes) for side in sides]
    return next((plan for plan in found if plan.fits and BUDGETS.index(plan.budget) <= _ENOUGH), found[-1])


def _fitting(settings: Mapping[str, Mapping[str, Any]], *, classes: int, size: int, minutes: float) -> Plan:
    """The largest budget that fits at a size; the smallest one if none does."""
    plans = (_plan(settings, budget, classes=classes, size=size, minutes=minutes) for budget in BUDGETS)
    return next(plan for plan in plans if plan.fits or plan.budget is BUDGETS[-1])


def _plan(
    settings: Mapping[str, Mapping[str, Any]], budget: Budget, *, classes: int, size: int, minutes: float
) -> Plan:
    sections = {name: {**settings.get(name, {}), **keys} for name, keys in budget.sections.items()}
    file = parse_study({**settings, **sections, "domain": {**settings["domain"], "size": size}})
    step = measure_step(file, classes)
    seconds = count_steps(file, len(file.domain.sources)) * step / file.search.jobs + _FIXED
    return Plan(budget, size, seconds, minutes)
