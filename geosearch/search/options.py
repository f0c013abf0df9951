"""SearchOptions: how a search is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SearchOptions:
    """How a search is run.

    Attributes:
        evaluations: trials that are trained, baselines included.
        sampler: name of the sampler, one of `SAMPLERS`.
        sampler_settings: settings of the sampler, as in [search].
        batch: proposals of one round, evaluated in parallel; results depend on it.
        finalists: trials that are trained with the long recipe.
        repeats: long trainings per finalist on average; the race (`racing.race`) allocates them.
        long_steps: training steps of the long recipe.
        seed: of the study.
        jobs: number of processes; does not change results.
        stops: whether the search ends after its baselines where none of them is better than no pretraining (see
            `NoGain`). Ignored where several processes search together.
    """

    evaluations: int = 24
    sampler: str = "hull"
    batch: int = 2
    finalists: int = 5
    repeats: int = 3
    long_steps: int = 1000
    seed: int = 0
    jobs: int = 1
    stops: bool = False
    sampler_settings: Mapping[str, Any] = field(default_factory=dict)

    def rounds(self, proposals: int) -> int:
        """Number of rounds that hold so many proposals; the last may have room for more.

        >>> SearchOptions(batch=2).rounds(5)
        3
        """
        return -(-proposals // self.batch)

    def place(self, number: int) -> tuple[int, int]:
        """Round of a proposal, and its index in the round, from its number among all proposals.

        >>> SearchOptions(batch=2).place(5)
        (2, 1)
        """
        return divmod(number, self.batch)
