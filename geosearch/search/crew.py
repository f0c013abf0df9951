"""Crew: who is at work on a study, by heartbeats in its own database; the first of them leads."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from geosearch.search.storage.sqlite import roll_back

WORKER, SEARCH = "worker", "search"  # roles: who evaluates, and who goes on to finalists and confirmation


@dataclass(frozen=True)
class Pulse:
    """How death is told.

    Attributes:
        interval: seconds between two heartbeats.
        grace: seconds without one after which a worker is taken for dead.
    """

    interval: float = 10.0
    grace: float = 60.0


@dataclass
class Watch:
    """Tells what stands still, by the observer's own clock: the clocks of two machines need not agree."""

    seen: dict[Any, tuple[Any, float]] = field(default_factory=dict)

    def still(self, name: object, value: object) -> float:
        """Seconds for which `value` has been the same, as far as was looked."""
        before, since = self.seen.get(name, (None, 0.0))
        if name not in self.seen or before != value:
            since = time.monotonic()
            self.seen[name] = value, since
        return time.monotonic() - since


class Crew:
    """The processes that work on one study, one running trial each in a second study NAME/workers beside it.

    Optuna's own heartbeats belong to its relational storages and to `Study.optimize`; a count that is written to a
    trial works the same way in every storage. A worker that was taken for dead and is not, finds what it had claimed
    closed: its result is dropped, so no evaluation counts twice.

    Use it as a context: a worker that leaves by an exception is off the list at once.
    """

    def __init__(self, study: optuna.Study, number: int, pulse: Pulse) -> None:
        self.number = number
        self._study, self._pulse = study, pulse
        self._watch = Watch()
        self._looked, self._alive = -math.inf, list[FrozenTrial]()
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="geosearch-heart", daemon=True)

    @classmethod
    def join(cls, study: optuna.Study, role: str = WORKER, pulse: Pulse | None = None) -> Crew:
        """Sign on at the study; call `start`, or enter the context, to be taken for alive."""
        storage, name = study._storage, crew_name(study.study_name)
        own = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
        card = create_trial(state=TrialState.RUNNING, user_attrs={"role": role, "at": whereabouts(), "beat": 0})
        identity = storage.create_new_trial(own._study_id, card)
        return cls(own, storage.get_trial(identity).number, pulse or Pulse())

    def __enter__(self) -> Crew:
        self._heart.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            roll_back(self._study._storage)
        self._stop.set()
        self._heart.join()
        self._end(self.number, TrialState.PRUNED)

    def due(self) -> bool:
        """Whether it is time to look after the others: twice in every interval."""
        return time.monotonic() - self._looked >= self._pulse.interval / 2

    def living(self) -> list[FrozenTrial]:
        """Those at work, first come first; who is found dead is struck off the list."""
        alive = []
        for card in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if card.number != self.number and self._dead(card):
                self._end(card.number, TrialState.FAIL)
            else:
                alive.append(card)
        self._looked, self._alive = time.monotonic(), alive
        return alive

    def leads(self, role: str | None = None) -> bool:
        """Whether this is the first of the living, or of those with a role, as far as the last look goes."""
        alive = self.living() if self.due() else self._alive
        ranked = [card.number for card in alive if role in (None, card.user_attrs.get("role"))]
        return ranked[:1] == [self.number]

    def overdue(self, name: object, value: object) -> bool:
        """Whether something has stood still for longer than anyone alive would leave it."""
        return self._watch.still(name, value) > self._pulse.grace

    def _dead(self, card: FrozenTrial) -> bool:
        return gone(card.user_attrs.get("at", {})) or self.overdue(card.number, card.user_attrs.get("beat"))

    def _beat(self) -> None:
        identity = _identity(self._study, self.number)
        beat = 0
        while not self._stop.wait(self._pulse.interval):
            beat += 1
            try:
                self._study._storage.set_trial_user_attr(identity, "beat", beat)
            except UpdateFinishedTrialError:  # taken for dead: what was claimed is closed, and will be found so
                return
            except Exception:  # the database is away; whoever works will meet that too, and say so
                continue

    def _end(self, number: int, state: TrialState) -> None:
        with suppress(UpdateFinishedTrialError):
            self._study._storage.set_trial_state_values(_identity(self._study, number), state=state)


def crew_name(study: str) -> str:
    """The name of the second study, which no study file can have."""
    return f"{study}/workers"


def roster(study: optuna.Study) -> list[FrozenTrial]:
    """Whoever is on the study's list, first come first; the dead too, until somebody at work strikes them off."""
    storage, name = study._storage, crew_name(study.study_name)
    if name not in optuna.get_all_study_names(storage):
        return []
    own = optuna.load_study(study_name=name, storage=storage)
    return own.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def busy(storage: optuna.storages.BaseStorage) -> bool:
    """Whether anybody on the lists of a database's studies may still be at work."""
    studies = (optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage))
    return any(not gone(card.user_attrs.get("at", {})) for study in studies for card in roster(study))


def whereabouts() -> dict[str, Any]:
    """Machine, process and, where /proc tells them, what makes a process number unmistakable."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "space": _space(), "started": _started(os.getpid())}


def gone(at: Mapping[str, Any]) -> bool:
    """Whether a process of this very machine has surely ended; of other machines nothing is known."""
    here = whereabouts()
    if at.get("host") != here["host"] or at.get("space") != here["space"] or not here["started"]:
        return False
    return _started(at["pid"]) != at["started"]


def _space() -> str:
    """Process numbers are unique within one of these (containers have their own), until the machine starts again."""
    try:
        return f"{Path('/proc/self/ns/pid').readlink()} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started; empty if it ended, is only waited for, or this is not Linux."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]


def _identity(study: optuna.Study, number: int) -> int:
    return study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
