"""Background: what the numbers of a confirmation do not show, and its verdict says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PastConfirmation:
    """An earlier confirmation on the same test part, or by the same labels.

    Attributes:
        trial: the trial that was best then, e.g. "trial 7".
        seeds: trainings of each row.
        rows: how many rows were scored.
    """

    trial: str
    seeds: int
    rows: int


@dataclass(frozen=True)
class Background:
    """What a study did before its confirmation.

    Attributes:
        sources: sources of the study.
        trained: single sources among them that were trained in the search.
        searched: whether mixtures were searched; False if `search.evaluations` was 0.
        past: earlier confirmations of this study, all on the same images; the oldest first.
        ended: why the search ended early with a baseline as its answer, a sentence; empty if it did not.

    >>> background = Background(sources=40, trained=5, past=(PastConfirmation("trial 7", seeds=3, rows=9),))
    >>> for sentence in background.sentences(seeds=5):
    ...     print(sentence)
    Of 40 single sources, the 5 nearest were trained.
    This is confirmation 2 on the same test part (before: trial 7 with 3 seeds); an interval holds for one \
confirmation, not for the best of several.
    confirm.seeds was raised from 3 to 5 after test errors had been seen.
    """

    sources: int = 0
    trained: int = 0
    searched: bool = True
    past: tuple[PastConfirmation, ...] = ()
    ended: str = ""

    def sentences(self, seeds: int, *, has_test: bool = True) -> tuple[str, ...]:
        """What has to be said beside the comparisons.

        Args:
            seeds: of the present confirmation.
            has_test: False if the labels judged in folds, since there is no test part.
        """
        part, key, judged = (
            ("test part", "confirm.seeds", "test errors") if has_test else ("labels", "confirm.repeats", "their errors")
        )
        found = []
        if self.searched and self.trained < self.sources:
            nearest = "the nearest one was" if self.trained == 1 else f"the {self.trained} nearest were"
            found.append(f"Of {self.sources} single sources, {nearest} trained.")
        if self.past:
            before = ", ".join(f"{one.trial} with {count_seeds(one.seeds)}" for one in self.past)
            found.append(
                f"This is confirmation {len(self.past) + 1} on the same {part} (before: {before}); an interval "
                "holds for one confirmation, not for the best of several."
            )
            if (last := self.past[-1].seeds) != seeds:
                changed = "raised" if seeds > last else "lowered"
                found.append(f"{key} was {changed} from {last} to {seeds} after {judged} had been seen.")
        return tuple(found)


def count_seeds(count: int) -> str:
    """The number with its noun.

    >>> count_seeds(1)
    '1 seed'
    """
    return f"{count} seed{'s' * (count != 1)}"
