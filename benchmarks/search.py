"""How many evaluations does each sampler need? Whole searches on tabulated surfaces, thirty times each.

    python benchmarks/search.py [--shelves ...] [--repetitions 30] [--evaluations 32]

The surfaces are those of surfaces.py: real short runs, averaged over two seeds, joined between grid points by linear
radial basis functions over weights and spread (pairing changes nothing on them). A search is the product's own, from no
baselines at all; every evaluation adds normal noise of the size that the two seeds show. Regret is what the mixture
with the least observed error truly has above the best of the table. Seconds count trainings and looks as surfaces.py
measured them, and the sampler's own time as it was here. Results: reports/data/search.jsonl; the same command goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from lines import Lines
from scipy.interpolate import RBFInterpolator

from geosearch import seeds
from geosearch.evaluate.ledger import Evaluation
from geosearch.geodesic.hull import Hull
from geosearch.geodesic.simplex import Weights, spread_of
from geosearch.progress import Silent
from geosearch.search.pruner import RungPruner
from geosearch.search.run import Search, SearchOptions
from geosearch.search.sampler import SAMPLERS
from geosearch.search.space import Space
from geosearch.search.store import StudyStore

FOLDER = Path(__file__).parents[1] / "reports" / "data"
STOCK = ("gp", "tpe", "cmaes")  # Optuna's, and the library that it recommends


@dataclass(frozen=True, eq=False)
class Surface:
    """One shelf's table, as a function of any mixture.

    Attributes:
        points: (n, m + 1) weights and spread of the tabulated mixtures.
        errors: (n,) validation errors, mean over the seeds.
        otdd: (n,) held-out OTDD, likewise.
        noise: standard deviation of one evaluation, from the difference between two seeds.
        hull: of the first seed.
        look, training: seconds.
    """

    points: np.ndarray
    errors: np.ndarray
    otdd: np.ndarray
    noise: float
    hull: Hull
    look: float
    training: float

    @cached_property
    def _joined(self) -> RBFInterpolator:
        return RBFInterpolator(self.points, np.column_stack([self.errors, self.otdd]), kernel="linear")

    @property
    def m(self) -> int:
        return self.points.shape[1] - 1

    def at(self, weights: Weights) -> tuple[float, float]:
        """Error and held-out OTDD of a mixture; a spread beyond the table's is taken for its end."""
        low, high = self.points[:, -1].min(), self.points[:, -1].max()
        spread = np.clip(spread_of(weights.concentration), low, high)
        error, otdd = self._joined(np.append(weights.array, spread)[None])[0]
        return float(error), float(otdd)


@lru_cache(maxsize=8)
def surface(shelf: str) -> Surface:
    lines = [line for line in Lines(FOLDER / "surfaces.jsonl").all() if line["asked"]["shelf"] == shelf]
    by_place: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for line in sorted(lines, key=lambda line: line["asked"]["seed"]):
        by_place.setdefault((line["asked"]["mixture"], line["asked"]["concentration"]), []).append(line)
    whole = {place: found for place, found in by_place.items() if len(found) == 2}
    gaps = np.array([found[0]["validation"] - found[1]["validation"] for found in whole.values()])
    grams = next(line for line in Lines(FOLDER / "grams.jsonl").all() if line["asked"] == {"shelf": shelf, "seed": 0})
    return Surface(
        points=np.array([[*found[0]["weights"], spread_of(float(k))] for (_, k), found in whole.items()]),
        errors=np.array([np.mean([line["validation"] for line in found]) for found in whole.values()]),
        otdd=np.array([np.mean([line["otdd"] for line in found]) for found in whole.values()]),
        noise=float(gaps.std(ddof=1) / np.sqrt(2)),
        hull=Hull(np.array(grams["gram"]), np.array(grams["gram_random"])),
        look=float(np.median([line["seconds"]["look"] for line in lines])),
        training=float(np.median([line["seconds"]["training"] for line in lines])),
    )


@dataclass(frozen=True, eq=False)
class Tabulated:
    """Stands where the objective and the held-out distance of a real search stand."""

    surface: Surface
    rng: np.random.Generator

    def many(self, calls: Sequence[tuple[Weights, int | None, int]], *, jobs: int) -> list[Evaluation]:
        noise = self.rng.normal(0, self.surface.noise, len(calls))
        errors = [self.surface.at(point)[0] + extra for (point, _, _), extra in zip(calls, noise, strict=True)]
        return [Evaluation("tabulated", error, error, self.surface.training) for error in errors]

    def otdd(self, weights: Weights) -> float:
        return self.surface.at(weights)[1]


def search(shelf: str, sampler: str, rungs: bool, repetition: int, evaluations: int) -> dict[str, Any]:
    """Regret and seconds after each evaluation of one search."""
    own, space = surface(shelf), Space(len(surface(shelf).hull.gram))
    seed = seeds.integer(repetition, "search", shelf)
    stand_in = Tabulated(own, seeds.stream(seed, "noise"))
    store = StudyStore(optuna.create_study(pruner=RungPruner()), space, "")
    options = SearchOptions(evaluations=evaluations, sampler=sampler, prune=rungs, seed=seed)
    job = Search(store, stand_in, own.hull, stand_in, {}, options, Silent())  # type: ignore[arg-type]
    start = time.perf_counter()
    while job.left() > 0:
        job.evaluate(job.propose())
    thought = (time.perf_counter() - start) / evaluations
    trials = store.trials()
    done = [trial for trial in trials if trial.error is not None]
    regrets, seconds = [], []
    for count in range(1, len(done) + 1):
        best = min(done[:count], key=lambda trial: trial.error)
        looks = sum(trial.number <= done[count - 1].number for trial in trials) if rungs else 0
        regrets.append(own.at(best.point)[0] - float(own.errors.min()))
        seconds.append(count * (own.training + thought) + looks * own.look)
    return {"regret": regrets, "seconds": seconds, "noise": own.noise}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted({line["asked"]["shelf"] for line in Lines(FOLDER / "grams.jsonl").all()})
    parser.add_argument("--shelves", nargs="+", default=known)
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--evaluations", type=int, default=32)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    kept = Lines(FOLDER / "search.jsonl")
    if not options.table:
        kept.fill(
            [
                (
                    {"shelf": shelf, "sampler": sampler, "rungs": rungs, "repetition": repetition},
                    search,
                    (shelf, sampler, rungs, repetition, options.evaluations),
                )
                for repetition in range(options.repetitions)
                for shelf in options.shelves
                for sampler in options.samplers
                for rungs in (False, True)
            ],
            jobs=options.jobs,
        )
    print("\n".join(table(kept.all())))


def table(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: evaluations (and seconds) to come within the noise of the best mixture: median and quartiles."""
    shelves = sorted({line["asked"]["shelf"] for line in lines})
    rows = ["| sampler | " + " | ".join(shelves) + " | median of all |", "| --- " * (2 + len(shelves)) + "|"]
    for sampler in SAMPLERS:
        for rungs in (False, True):
            mine = [line for line in lines if line["asked"]["sampler"] == sampler and line["asked"]["rungs"] == rungs]
            cells = [_cell([line for line in mine if line["asked"]["shelf"] == shelf]) for shelf in shelves]
            rows.append(f"| {sampler}{' with rungs' * rungs} | " + " | ".join(cells) + f" | {_cell(mine)} |")
    return rows


def _cell(lines: Sequence[dict[str, Any]]) -> str:
    if not lines:
        return ""
    counts, seconds = zip(*(arrival(line) for line in lines), strict=True)
    low, middle, high = np.quantile(counts, [0.25, 0.5, 0.75])
    return f"{middle:.0f} ({low:.0f}-{high:.0f}), {np.median(seconds):.0f} s"


def arrival(line: dict[str, Any]) -> tuple[float, float]:
    """Evaluations and seconds until the regret lies within the noise; one more than the budget if it never does."""
    within = np.flatnonzero(np.array(line["regret"]) <= line["noise"])
    if len(within) == 0:
        return len(line["regret"]) + 1, line["seconds"][-1]
    return int(within[0]) + 1, line["seconds"][within[0]]


if __name__ == "__main__":
    import search  # so that worker processes find what is cached there

    search.main()
