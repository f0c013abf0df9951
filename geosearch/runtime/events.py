"""Events: what a run reports while it works, one small dataclass per kind."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


class Event:
    """Something that happened in a run; `str(event)` says it in one sentence.

    Attributes:
        kind: the event's name in JSON output.
        level: the `logging` level it is logged at.
    """

    kind: ClassVar[str]
    level: ClassVar[int] = logging.INFO

    def to_json(self) -> dict[str, Any]:
        """The event as a JSON object: its kind under "event", and its fields."""
        return {"event": self.kind, **asdict(self)}  # type: ignore[call-overload]


class CountedEvent(Event):
    """An event of which `done` of `total` have happened; a progress bar of the name `bar` can show it."""

    bar: ClassVar[str]
    done: int
    total: int

    @property
    def note(self) -> str:
        """Shown beside the bar."""
        return ""


@dataclass(frozen=True)
class StageStarted(Event):
    """A stage of a study begins."""

    kind = "stage"
    name: str

    def __str__(self) -> str:
        return f"stage: {self.name}"


@dataclass(frozen=True)
class FilesPassedOver(Event):
    """A reader passed files over that every folder may have, such as hidden ones.

    Attributes:
        spec: specification of the set.
        part: "train" or "test".
        summary: how many files, and why.
    """

    kind = "passed_over"
    spec: str
    part: str
    summary: str

    def __str__(self) -> str:
        return f"{self.spec}{', test part' if self.part == 'test' else ''}: {self.summary}"


@dataclass(frozen=True)
class ImagesPassedOver(FilesPassedOver):
    """A reader passed over what may have been images of the set, or has a note on how it understood the set."""

    level = logging.WARNING


@dataclass(frozen=True)
class TargetNoted(Event):
    """Something that a person should know of the target's images and labels.

    Attributes:
        target: its name.
        note: a clause.
    """

    kind = "target_noted"
    target: str
    note: str

    def __str__(self) -> str:
        return f"target {self.target}: {self.note}"


@dataclass(frozen=True)
class ImagesEncoded(CountedEvent):
    """A pretrained network encoded more images, or found them encoded."""

    kind = "encoded"
    level = logging.DEBUG
    bar = "encoder"
    done: int
    total: int

    def __str__(self) -> str:
        return f"images encoded [{self.done} of {self.total}]"


@dataclass(frozen=True)
class FreeAnswerFound(Event):
    """Before any training: the mixture that a study names without a search.

    Attributes:
        weights: source -> weight.
        closed_form: closed-form distance to the target, squared feature units.
        proxy: held-out OTDD, squared feature units.
        description: all of this in words.
    """

    kind = "free_answer"
    weights: dict[str, float]
    closed_form: float
    proxy: float
    description: str

    def __str__(self) -> str:
        return f"free answer, before any training: {self.description}"


@dataclass(frozen=True)
class BaselinesChosen(Event):
    """A search begins, and some single sources will not be trained.

    >>> print(BaselinesChosen(("pooled union", "single: usps"), sources=3, untrained=("svhn", "mnist")))
    of 3 single sources the nearest 1 is trained as a baseline, and not svhn, mnist

    Attributes:
        baselines: what is trained first.
        sources: how many there are.
        untrained: sources that are not trained alone, unless the sampler proposes it.
    """

    kind = "baselines"
    baselines: tuple[str, ...]
    sources: int
    untrained: tuple[str, ...]

    def __str__(self) -> str:
        count = self.sources - len(self.untrained)
        return (
            f"of {self.sources} single sources the nearest {count} {'is' if count == 1 else 'are'} trained as a "
            f"baseline, and not {', '.join(self.untrained)}"
        )


@dataclass(frozen=True)
class TrialFinished(CountedEvent):
    """A trial was evaluated.

    >>> print(TrialFinished(3, "searched", error=0.31, done=10, total=20, best=0.29))
    trial 3 (searched): squared error 0.3100, best 0.2900 [10 of 20]

    Attributes:
        trial: its number.
        role: what it was proposed as.
        error: squared error; smaller is better.
        done, total: evaluations so far, and the budget.
        best: the smallest error so far.
    """

    kind = "trial"
    bar = "trials"
    trial: int
    role: str
    error: float
    done: int
    total: int
    best: float

    @property
    def note(self) -> str:
        return f"best squared error {self.best:.4f}"

    def __str__(self) -> str:
        return (
            f"trial {self.trial} ({self.role}): squared error {self.error:.4f}, best {self.best:.4f} "
            f"[{self.done} of {self.total}]"
        )


@dataclass(frozen=True)
class TrialRepeated(Event):
    """A trial is not trained, since its mixture is that of another one."""

    kind = "repeat"
    trial: int
    reason: str

    def __str__(self) -> str:
        return f"trial {self.trial} {self.reason}: not trained"


@dataclass(frozen=True)
class TrialFailed(Event):
    """A trial's training failed."""

    kind = "failed"
    level = logging.WARNING
    trial: int
    reason: str

    def __str__(self) -> str:
        return f"trial {self.trial} failed: {self.reason}"


@dataclass(frozen=True)
class SearchStopped(Event):
    """A search ended before its budget was spent.

    Attributes:
        reason: a sentence.
    """

    kind = "stopped"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class StopIgnored(Event):
    """Several processes search together, so that the search does not end early."""

    kind = "stop_ignored"

    def __str__(self) -> str:
        return "search.stop is ignored: several processes search together, so the whole budget is spent"


@dataclass(frozen=True)
class TrialsLost(Event):
    """Running trials whose worker crashed; they are run again."""

    kind = "lost"
    level = logging.WARNING
    trials: tuple[int, ...]

    def __str__(self) -> str:
        return f"trials {', '.join(map(str, self.trials))} were lost with their worker and will be run again"


@dataclass(frozen=True)
class WorkersCrashed(Event):
    """Worker processes of this machine ended before their work was done."""

    kind = "workers"
    level = logging.WARNING
    left: int
    ended: int

    def __str__(self) -> str:
        return f"{self.ended} workers crashed (out of memory?), {self.left} left"


@dataclass(frozen=True)
class FinalistsTrained(Event):
    """Finalists were trained for longer, once more.

    Attributes:
        running: numbers of the trials still in the race.
    """

    kind = "race"
    running: tuple[int, ...]

    def __str__(self) -> str:
        return f"finalists trained for longer: trials {', '.join(map(str, self.running))}"


@dataclass(frozen=True)
class FinalistMeasured(Event):
    """A finalist's mean squared error over its long trainings.

    Attributes:
        trial: its number.
        error: mean squared error; smaller is better.
        runs: how many long trainings.
    """

    kind = "finalist"
    trial: int
    error: float
    runs: int

    def __str__(self) -> str:
        return f"finalist {self.trial}: squared error {self.error:.4f} over {self.runs} long trainings"


@dataclass(frozen=True)
class RowConfirmed(CountedEvent):
    """A row of the final table was scored on the test part with one seed."""

    kind = "confirmation"
    bar = "confirmation"
    row: str
    done: int
    total: int

    @property
    def note(self) -> str:
        return self.row

    def __str__(self) -> str:
        return f"confirmation: {self.row} [{self.done} of {self.total}]"


@dataclass(frozen=True)
class ImagesPredicted(CountedEvent):
    """Some more images were predicted; `done` counts the `unread` ones that could not be read, too."""

    kind = "prediction"
    bar = "predictions"
    done: int
    total: int
    unread: int = 0

    def __str__(self) -> str:
        unread = f"; {self.unread:,} could not be read" if self.unread else ""
        return f"predicted {self.done - self.unread:,} of {self.total:,} images{unread}"


@dataclass(frozen=True)
class SynthesisStarted(Event):
    """A mixture is about to be written out; `how` says from which images."""

    kind = "synthesis"
    how: str

    def __str__(self) -> str:
        return self.how


@dataclass(frozen=True)
class DerivativeComputed(CountedEvent):
    """The dataset derivative was computed for more rows."""

    kind = "derivative"
    level = logging.DEBUG
    bar = "derivative"
    done: int
    total: int

    def __str__(self) -> str:
        return f"dataset derivative [{self.done} of {self.total}]"


@dataclass(frozen=True)
class ModelNotKept(Event):
    """A study is confirmed, and its model could not be trained or written."""

    kind = "model_not_kept"
    level = logging.WARNING
    why: str

    def __str__(self) -> str:
        return f"no model was kept: {self.why}"


@dataclass(frozen=True)
class StudyFinished(Event):
    """A study is at its end.

    Attributes:
        trial: number of the best trial; None if there was no search.
        verdict: what the test part says of it.
        mixture: folder of the best mixture.
        report: path of the report's page.
        model: folder of the model; empty if none was kept.
    """

    kind = "done"
    trial: int | None
    verdict: str
    mixture: str
    report: str
    model: str = ""

    def __str__(self) -> str:
        return self.verdict if self.trial is None else f"best trial {self.trial}: {self.verdict}"
