"""What the search is worth against rows with as many networks: differences over targets, wins with Holm's correction.

python -m research.transfer.worth
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from geosearch.confirmation.intervals import t_half_width
from geosearch.confirmation.row import BEST, NO_PRETRAINING
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
        "single source by the objective": "single source by the objective",
        "single source by OTDD": "single source by OTDD",
        "single source by LogME": "single source by LogME",
        "few shots, tuned as long as a search": "few labels alone, tuned as long as a search (one draw of labels)",
        "weights by hypergradient": "weights by hypergradient",
        "joint training": "joint training on shots and union",
        "nearest source images": "nearest source images (retrieval)",
        "SimCLR": "SimCLR on the unlabelled images (one draw of labels)",
        "pooled union, FixMatch": "pooled union, FixMatch (one draw of labels)",
    },
    TAUGHT: {
        PROJECTION_TAUGHT: "the paper's weights (hull projection)",
        POOLED_TAUGHT: "pooled union",
        "single source by the objective, equal teachers": "single source by the objective",
        "committee-taught pooled union": "committee-taught pooled union (5 networks)",
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
        """Mean difference with its 95 % interval over targets; (won, lost) targets after Holm's correction."""
        means = [one.gap for one in self.targets]
        ids = {id(one) for one in sure}
        kept = [one.outcome for one in self.targets if id(one) in ids]
        difference = f"{np.mean(means):+.1f} ± {t_half_width(means):.1f}".replace("-", "−")
        return f"{difference} ({kept.count('better')}, {kept.count('worse')})"


def compare(folder: Path, shots: int) -> list[Comparison]:
    """Every comparison at equal numbers of networks and unlabelled images, with so many labels a class."""
    lines, found = read(folder, shots), []
    for adaptation in sorted(adaptations(lines), key=USED.index) if lines else ():
        for own in (BEST, TAUGHT) if adaptation == SELF_TRAINED else (BEST,):
            by_target = {target: standings(lines, target, adaptation, own) for target in TARGETS}
            for rival in RIVALS[own]:
                rows = tuple(one for ranked in by_target.values() for one in ranked if one.row == rival)
                if len(rows) > 1:
                    found.append(Comparison(shots, adaptation, own, rival, rows))
    return found


def holm(found: Sequence[Comparison]) -> list[Standing]:
    """The targets on which a difference stays, with Holm's correction for the number of all comparisons."""
    every = (one for comparison in found for one in comparison.targets if len(one.gaps) > 1)
    ranked = sorted(every, key=lambda one: one.chance)
    kept = takewhile(lambda pair: pair[1].chance <= 0.05 / (len(ranked) - pair[0]), enumerate(ranked))
    return [one for _, one in kept]


def table(folder: Path = FOLDER) -> list[str]:
    """Markdown: rivals by labels a class and adaptation; rows of several networks stand apart from those of one."""
    compared = {shots: compare(folder, shots) for shots in sorted(SHOTS)}
    sure = {shots: holm(found) for shots, found in compared.items()}
    every = [one for found in compared.values() for one in found]
    rows = []
    for own, networks in ((BEST, "1 network each"), (TAUGHT, TEACHERS)):
        mine = [one for one in every if one.own == own]
        columns = list(dict.fromkeys((one.shots, one.adaptation) for one in mine))
        if not mine:
            continue
        rows += ["", f"| {networks}: search minus ... | " + " | ".join(f"{s} labels, {a}" for s, a in columns) + " |"]
        rows.append("| --- " * (1 + len(columns)) + "|")
        for rival, title in RIVALS[own].items():
            cells = {(one.shots, one.adaptation): one.cell(sure[one.shots]) for one in mine if one.rival == rival}
            if cells:
                rows.append(f"| {title} | " + " | ".join(cells.get(column, "") for column in columns) + " |")
    return rows[1:]


if __name__ == "__main__":
    print("\n".join(table()))
