"""The table of hypergradient.py in reports/neighbours.md: regret on the tabulated surfaces, beside `hull`.

python -m research.neighbours.hypergradient_tables
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from geosearch.mixture.weights import Weights
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.page import fill
from research.neighbours.hypergradient import CHOICE, CHOSEN, FILE, WAYS
from research.neighbours.label_tables import PAGE
from research.search.samplers import FOLDER, surface
from research.transfer.surfaces import SHELVES

Found = Callable[[str], list[float]]  # surface -> regrets, in units of the noise


def regret(collection: str, values: np.ndarray) -> float:
    """What the cloud of these weights has above the best of the table, in units of the noise of one evaluation."""
    own = surface(collection)
    error = own.at(Weights.of(values / values.sum(), concentration=2.0))[0]
    return (error - float(own.errors.min())) / own.noise


def of_way(kind: str, labels: str) -> Found:
    """Regrets of the weights that one kind of hypergradient found."""
    asked = {"kind": kind, "labels": labels, "rate": CHOSEN[0], "every": CHOSEN[1]}
    lines = [line for line in FILE.all() if asked.items() <= line["asked"].items()]
    return lambda collection: [
        regret(collection, np.array(line["weights"])) for line in lines if line["asked"]["shelf"] == collection
    ]


def of_hull(evaluations: int) -> Found:
    """Regrets of the search `hull` after so many evaluations."""
    lines = [line for line in Lines(FOLDER / "search.jsonl").all() if line["asked"]["sampler"] == "hull"]
    return lambda collection: [
        line["regret"][evaluations - 1] / line["noise"] for line in lines if line["asked"]["shelf"] == collection
    ]


def cost(kind: str, labels: str) -> str:
    """Processor seconds of the trainings of one kind, in those of plain trainings."""
    lines = [line for line in FILE.all() if line["asked"]["every"] == CHOSEN[1]]
    own = [line for line in lines if (line["asked"]["kind"], line["asked"]["labels"]) == (kind, labels)]
    return f"{np.median([line['seconds'] / line['plain_seconds'] for line in own]):.1f}" if own else ""


def table() -> Iterator[str]:
    """A row for each way to choose weights: regret on every surface, and over those that chose no option."""
    if not FILE.all():
        return
    shelves = [*CHOICE, *(name for name in SHELVES if name not in CHOICE)]
    rows: dict[str, tuple[Found, str]] = {
        "equal weights": (lambda name: [regret(name, np.ones(surface(name).m))], "0"),
        **{f"{kind}, {labels}": (of_way(kind, labels), cost(kind, labels)) for kind, labels in WAYS},
        "`hull`, 1 evaluation": (of_hull(1), "1"),
        "`hull`, 3 evaluations": (of_hull(3), "3"),
    }
    yield "| weights | trainings | " + " | ".join(shelves) + " | the last three |"
    yield "| --- " * (len(shelves) + 3) + "|"
    for name, (found, trainings) in rows.items():
        by_shelf = {shelf: found(shelf) for shelf in shelves}
        cells = [f"{np.mean(values):.1f}" if values else "" for values in by_shelf.values()]
        checked = [(shelf, value) for shelf in shelves if shelf not in CHOICE for value in by_shelf[shelf]]
        mean, half = (
            over_targets(checked) if {shelf for shelf, _ in checked} == {*shelves} - {*CHOICE} else (None, None)
        )
        last = "" if mean is None else f"{mean:.1f} ± {half:.1f}"
        yield f"| {name} | {trainings} | {' | '.join(cells)} | {last} |"


def main() -> None:
    fill(PAGE, [("hypergradient", lambda: list(table()))])


if __name__ == "__main__":
    main()
