"""What the search is worth against rows with as many networks: differences over targets, wins with Holm's correction.

python -m research.transfer.worth
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from geosearch.confirmation.statistics import BEST, NO_PRETRAINING, t_half_width
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION
from research.transfer.contest import FOLDER, POOLED_TAUGHT, PROJECTION_TAUGHT, SHOTS, TARGETS
from research.transfer.standings import SELF_TRAINED, TAUGHT, Standing, adaptations, read, standings

USED = ("ridge", "linear-probe", "fine-tune", SELF_TRAINED)  # ways to adapt, in this order
TEACHERS = "4 networks each"
RIVALS: Mapping[str, Mapping[str, str]] = {  # the search's row -> rows with as many networks -> their titles
    BEST: {
        PROJECTION: "the paper's weights (hull projection)",
        CLOUD: "the projection's cloud, no search",
        POOLED: "pooled union",
        NO_PRETRAINING: "no pretraining",
    },
    TAUGHT: {
        PROJECTION_TAUGHT: "the paper's weights (hull projection)",
        POOLED_TAUGHT: "pooled union",
    },
}


@dataclass(frozen=True)
class Comparison:
    """The search against one row, over targets.

    Attributes:
        shots: labels a class.
        adaptation: how networks are adapted.
        own: the search's row.
        rival: the other row.
        targets: of one target each, in points of test error; search minus row.
    """

    shots: int
    adaptation: str
    own: str
    rival: str
    targets: tuple[Standing, ...]

    def cell(self, sure: Iterable[Standing]) -> str:
        """Mean difference with its 95 % interval over targets; won and lost targets after Holm's correction."""
        means = [one.gap for one in self.targets]
        ids = {id(one) for one in sure}
        kept = [one.outcome for one in self.targets if id(one) in ids]
        difference = f"{np.mean(means):+.1f} ± {t_half_width(means):.1f}".replace("-", "−")
        return f"{difference} ({kept.count('better')} won, {kept.count('worse')} lost)"


def compare(folder: Path, shots: int) -> list[Comparison]:
    """Every comparison at equal numbers of networks and unlabelled images, with so many labels a class."""
    lines, found = read(folder, shots), []
    for adaptation in sorted(adaptations(lines), key=USED.index) if lines else ():
        for own in (BEST, TAUGHT) if adaptation == SELF_TRAINED else (BEST,):
            by_target = {target: standings(lines, target, adaptation, own) for target in TARGETS}
            for rival in RIVALS[own]:
                rows = tuple(
                    one for ranked in by_target.values() for one in ranked if one.row == rival and len(one.gaps) > 1
                )
                if len(rows) > 1:
                    found.append(Comparison(shots, adaptation, own, rival, rows))
    return found


def holm(found: Sequence[Comparison]) -> list[Standing]:
    """The targets on which a difference stays, with Holm's correction for the number of all comparisons."""
    ranked = sorted((one for comparison in found for one in comparison.targets), key=lambda one: one.chance)
    kept = takewhile(lambda pair: pair[1].chance <= 0.05 / (len(ranked) - pair[0]), enumerate(ranked))
    return [one for _, one in kept]


def table(folder: Path = FOLDER) -> list[str]:
    """Markdown: labels a class and adaptation by rivals; rows of four networks stand apart from those of one."""
    compared = {shots: compare(folder, shots) for shots in sorted(SHOTS)}
    titles = list(dict.fromkeys(RIVALS[one.own][one.rival] for found in compared.values() for one in found))
    rows = [f"| search minus ... | {' | '.join(titles)} |", "| --- " * (1 + len(titles)) + "|"]
    for shots, found in compared.items():
        sure = holm(found)
        for adaptation, own in dict.fromkeys((one.adaptation, one.own) for one in found):
            cells = {
                RIVALS[own][one.rival]: one.cell(sure)
                for one in found
                if (one.adaptation, one.own) == (adaptation, own)
            }
            networks = TEACHERS if own == TAUGHT else "1 network each"
            name = f"{shots} labels a class, {adaptation}, {networks}"
            rows.append(f"| {name} | " + " | ".join(cells.get(title, "") for title in titles) + " |")
    return rows if len(rows) > 2 else []


if __name__ == "__main__":
    print("\n".join(table()))
