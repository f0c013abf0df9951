"""Rungs: what each way of looking at a mixture cost, what the cheap one saved, and how far it is to be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from geosearch.search.proxy import Trust, trust
from geosearch.search.store import StudyStore, TrialFacts

PROXY, SHORT, LONG = "held-out OTDD", "short recipe", "long recipe"


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder.

    Attributes:
        name: of the rung.
        looks: mixtures (or trainings) it looked at.
        seconds: what that took, in all.
        stopped: mixtures that it kept from the next rung.
        saved: seconds that their trainings would have taken, at the mean of those that were done.
    """

    name: str
    looks: int
    seconds: float
    stopped: int = 0
    saved: float = 0.0

    def sentence(self) -> str:
        each = self.seconds / self.looks if self.looks else 0.0
        text = f"{self.name}: {self.looks} x {each:.2g} s"
        return text + (f", stopped {self.stopped} and saved {self.saved:.0f} s" if self.stopped else "")


def rungs_of(store: StudyStore) -> tuple[Rung, ...]:
    """The rungs of a study, from the cheap to the dear; the closed form costs nothing worth a line."""
    trials, before = store.trials(), store.recall("looks", {"values": [], "seconds": 0.0})
    looked = [trial for trial in trials if trial.held_out_otdd is not None]
    trained = [trial for trial in trials if trial.error is not None]
    stopped = [trial for trial in trials if trial.state == "pruned" and trial.reason.startswith(PROXY)]
    short = sum(trial.wall_seconds for trial in trained)
    return (
        Rung(
            PROXY,
            len(looked) + len(before["values"]),
            sum(trial.proxy_seconds for trial in looked) + before["seconds"],
            len(stopped),
            len(stopped) * short / len(trained) if trained else 0.0,
        ),
        Rung(SHORT, len(trained), short),
        Rung(LONG, sum(trial.long_runs for trial in trials), sum(trial.long_seconds for trial in trials)),
    )


def proxy_trust(trials: Iterable[TrialFacts]) -> Trust:
    """Agreement of the held-out OTDD with the error, over the trials that have both."""
    pairs = [
        (trial.held_out_otdd, trial.error)
        for trial in trials
        if trial.held_out_otdd is not None and trial.error is not None
    ]
    proxies, errors = np.array(pairs, dtype=float).reshape(-1, 2).T
    return trust(proxies, errors)
