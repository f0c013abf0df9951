"""How many evaluations does each sampler need? Whole searches on tabulated surfaces, many times each.

    python -m research.search.samplers [--shelves ...] [--repetitions 30] [--evaluations 24] [--draw]

The surfaces are those of surfaces.py: real short runs, averaged over two seeds, joined between the tabulated mixtures
by a thin plate over weights and spread that is as stiff as cross-validation finds best (pairing changes nothing).
Geometry and proxy (the debiased held-out OTDD) are those of one seed, as a search would have them. A search is the
product's own, from no baselines at all; every evaluation adds normal noise of the size that the two seeds show. Regret
is what the mixture that the search would take for its best (`Search.rank`: least expected error) truly has above the
best of the table. The training of `hypergradient` counts as so many evaluations; its weights are those that
research/neighbours/hypergradient.py found on the first seed.
Seconds count trainings and proxies as surfaces.py measured them, and the sampler's own time as it was
here. Results: reports/data/search.jsonl; the same command goes on where it stopped, and at its end writes the tables
and the figures of reports/search.md (`--draw`: only these).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.figure import Figure
from scipy.interpolate import RBFInterpolator
from scipy.stats import kendalltau, zscore

from geosearch import seeds
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights, from_unit_concentration, to_unit_concentration
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.report.figures import style
from geosearch.runtime.progress import Log
from geosearch.runtime.result_cache import Evaluation
from geosearch.search.loop import Search
from geosearch.search.options import SearchOptions
from geosearch.search.samplers.base import EvaluatedMixtures, random_weights
from geosearch.search.samplers.hull_gp import HullSampler
from geosearch.search.samplers.hypergradient import FoundWeights
from geosearch.search.samplers.prior import Prior, ProxyDesign
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.search.space import Space
from geosearch.search.study_store import StudyStore
from research.common.lines import Lines
from research.common.page import fill
from research.transfer.surfaces import SHELVES

REPORTS = Path(__file__).parents[2] / "reports"
FOLDER, FIGURES, PAGE = REPORTS / "data", REPORTS / "figures", REPORTS / "search.md"
QUARTILES = (0.25, 0.5, 0.75)
STIFFNESS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
HYPERGRADIENT = {"seed": 0, "kind": "look-ahead", "labels": "pseudo-labels", "rate": 0.2, "every": 5}
STOCK = ("gp", "tpe", "cmaes")  # Optuna's, and the library that it recommends


@dataclass(frozen=True, eq=False)
class Surface:
    """One shelf's table, as a function of any mixture.

    Attributes:
        points: (n, m + 1) weights and spread of the tabulated mixtures.
        means: (n,) validation errors, mean over the seeds; still noisy.
        tests: (n,) test errors in [0, 1], mean over the seeds; no search sees them.
        otdd: (n,) debiased held-out OTDD, of the first seed.
        noise: standard deviation of one evaluation, from the difference between two seeds.
        hull, gradient: of the first seed.
        look, training: seconds.
    """

    points: np.ndarray
    means: np.ndarray
    tests: np.ndarray
    otdd: np.ndarray
    noise: float
    hull: Hull
    gradient: list[float]
    look: float
    training: float

    @cached_property
    def _truth(self) -> RBFInterpolator:
        """A thin plate through the means, as stiff as foretells left-out tenths of them best."""
        fold = seeds.stream(0, "folds").permutation(len(self.means)) % 10
        return min((self._plate(self.means, s) for s in STIFFNESS), key=lambda plate: self._misses(plate, fold))

    @cached_property
    def _distance(self) -> RBFInterpolator:
        return self._plate(self.otdd, 0.0)

    def _plate(self, values: np.ndarray, stiffness: float, rows: np.ndarray | slice = slice(None)) -> RBFInterpolator:
        """Without the last weight, which the others determine."""
        return RBFInterpolator(_free(self.points[rows]), values[rows], smoothing=stiffness)

    def _misses(self, plate: RBFInterpolator, fold: np.ndarray) -> float:
        """Mean squared error of each tenth as the other nine foretell it."""
        stiffness, squares = float(plate.smoothing[0]), np.zeros(len(fold))
        for tenth in range(10):
            left = fold == tenth
            found = self._plate(self.means, stiffness, ~left)(_free(self.points[left]))
            squares[left] = np.square(found - self.means[left])
        return float(squares.mean())

    @cached_property
    def errors(self) -> np.ndarray:
        """(n,) what is taken for true at the tabulated mixtures."""
        return self._truth(_free(self.points))

    @property
    def m(self) -> int:
        return self.points.shape[1] - 1

    def at(self, weights: Weights) -> tuple[float, float]:
        """Error and debiased held-out OTDD of a mixture; a spread beyond the table's is taken for its end."""
        low, high = self.points[:, -1].min(), self.points[:, -1].max()
        spread = np.clip(to_unit_concentration(weights.concentration), low, high)
        place = _free(np.append(weights.array, spread)[None])
        return float(self._truth(place)[0]), float(self._distance(place)[0])


def _free(points: np.ndarray) -> np.ndarray:
    """(k, m + 1) weights and spread -> (k, m): the last weight is what the others leave."""
    return np.delete(points, -2, axis=1)


@lru_cache(maxsize=8)
def surface(collection: str) -> Surface:
    lines = [line for line in Lines(FOLDER / "surfaces.jsonl").all() if line["asked"]["shelf"] == collection]
    by_place: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for line in sorted(lines, key=lambda line: line["asked"]["seed"]):
        by_place.setdefault((line["asked"]["mixture"], line["asked"]["concentration"]), []).append(line)
    whole = {place: found for place, found in by_place.items() if len(found) >= 2}
    gaps = np.array([found[0]["validation"] - found[1]["validation"] for found in whole.values()])
    grams = next(
        line for line in Lines(FOLDER / "grams.jsonl").all() if line["asked"] == {"shelf": collection, "seed": 0}
    )
    return Surface(
        points=np.array([[*found[0]["weights"], to_unit_concentration(float(k))] for (_, k), found in whole.items()]),
        means=np.array([np.mean([line["validation"] for line in found]) for found in whole.values()]),
        tests=np.array([np.mean([line["error"] for line in found]) for found in whole.values()]),
        otdd=np.array([found[0]["proxy"] for found in whole.values()]),
        noise=float(gaps.std(ddof=1) / np.sqrt(2)),
        hull=Hull(np.array(grams["gram"]), np.array(grams["gram_random"])),
        gradient=grams["source_gradient"],
        look=float(np.median([line["seconds"]["look"] for line in lines])),
        training=float(np.median([line["seconds"]["training"] for line in lines])),
    )


@dataclass(frozen=True, eq=False)
class Tabulated:
    """Stands where the objective and the held-out distance of a real search stand."""

    surface: Surface
    rng: np.random.Generator

    def evaluate_many(self, calls: Sequence[tuple[Any, ...]], *, jobs: int) -> list[Evaluation]:
        noise = self.rng.normal(0, self.surface.noise, len(calls))
        errors = [self.surface.at(point)[0] + extra for (point, *_), extra in zip(calls, noise, strict=True)]
        return [Evaluation("tabulated", error, error, self.surface.training) for error in errors]

    def otdd(self, weights: Weights) -> float:
        return self.surface.at(weights)[1]


@dataclass(frozen=True)
class ClosedForm:
    """Stands where the held-out distance stands, and knows the closed form alone."""

    hull: Hull

    def otdd(self, weights: Weights) -> float:
        return self.hull.distance(weights)


def search(collection: str, sampler: str, repetition: int, evaluations: int, without: str = "") -> dict[str, Any]:
    """Regret and seconds after each evaluation of one search; `without` "proxy", "derivative" or "both" of `hull`."""
    own, space = surface(collection), Space(len(surface(collection).hull.gram))
    seed = seeds.integer(repetition, "search", collection)
    stand_in = Tabulated(own, seeds.stream(seed, "noise"))
    storage = optuna.storages.InMemoryStorage()
    store = StudyStore(optuna.create_study(storage=storage), space, "", storage, {})
    options = SearchOptions(evaluations=evaluations, sampler=sampler, seed=seed)
    found = partial(found_weights, collection, repetition)
    proxy = ClosedForm(own.hull) if without in ("proxy", "both") else stand_in
    gradient = None if without in ("derivative", "both") else lambda: tuple(own.gradient)
    job = Search(store, stand_in, own.hull, proxy, {}, options, Log(), None, gradient, found)  # type: ignore[arg-type]
    start = time.process_time()
    while job.left() > 0:
        job.evaluator.evaluate(job.proposer.propose())
    thought = (time.process_time() - start) / evaluations
    trials, design = store.trials(), store.record.debiased_design
    before = len(design.values) if design else 0
    done = [trial for trial in trials if trial.error is not None]
    regrets, seconds = [], []
    for count in range(1, len(done) + 1):
        best, _ = job.rank(done[:count])[0]
        looks = before + count
        regrets.append(round(own.at(best.point)[0] - float(own.errors.min()), 5))
        seconds.append(round(count * (own.training + thought) + looks * own.look))
    facts = {"regret": regrets, "seconds": seconds, "noise": own.noise}
    return {**facts, "before": TRAININGS} if store.record.source_weights else facts


def found_weights(collection: str, repetition: int) -> FoundWeights:
    """What the training of `hypergradient` found on the first seed of a surface, one repetition after the other."""
    kept = [
        line["weights"]
        for line in Lines(FOLDER / "neighbours_hypergradient.jsonl").all()
        if HYPERGRADIENT.items() <= line["asked"].items() and line["asked"]["shelf"] == collection
    ]
    values = np.array(kept[repetition % len(kept)])
    return FoundWeights(tuple(values / values.sum()), TRAININGS * surface(collection).training)


@dataclass(frozen=True, eq=False)
class Runs:
    """The searches that were run, as lines of search.jsonl."""

    lines: Sequence[dict[str, Any]]

    @cached_property
    def shelves(self) -> list[str]:
        return sorted({line["asked"]["shelf"] for line in self.lines})

    @property
    def complete(self) -> bool:
        """Whether every sampler was run on every surface."""
        return all(self.of(collection, sampler) for collection in self.shelves for sampler in SAMPLERS.names())

    def of(self, collection: str, sampler: str) -> list[dict[str, Any]]:
        asked = {"shelf": collection, "sampler": sampler}
        return [line for line in self.lines if asked.items() <= line["asked"].items()]

    def evaluations(self, collection: str, sampler: str) -> np.ndarray:
        """(repetitions,) evaluations until the regret lies within the noise; see `arrival`."""
        return np.array([arrival(line)[0] for line in self.of(collection, sampler)])

    def table(self) -> list[str]:
        """Markdown: evaluations to come within the noise of the best mixture, median and quartiles."""
        return self._cells(lambda found: [f"{value:.0f}" for value in np.quantile(found[:, 0], QUARTILES)])

    def seconds(self) -> list[str]:
        """Markdown: the same in seconds of one process; "≥" where the search had not arrived when it ended."""
        budget = max(len(line["regret"]) for line in self.lines) if self.lines else 0

        def quartiles(found: np.ndarray) -> list[str]:
            evaluations, seconds = np.quantile(found, QUARTILES, axis=0).T
            return [
                f"{'≥' if one > budget else ''}{value:.0f}" for one, value in zip(evaluations, seconds, strict=True)
            ]

        return self._cells(quartiles)

    def _cells(self, quartiles: Callable[[np.ndarray], list[str]]) -> list[str]:
        if not self.lines:
            return []
        rows = ["| sampler | " + " | ".join(self.shelves) + " |", "| --- " * (1 + len(self.shelves)) + "|"]
        for sampler in SAMPLERS.names():
            cells = []
            for collection in self.shelves:
                low, middle, high = quartiles(np.array([arrival(line) for line in self.of(collection, sampler)]))
                cells.append(f"{middle} ({low}-{high})")
            rows.append(f"| {sampler} | " + " | ".join(cells) + " |")
        return rows

    def ratios(self) -> list[str]:
        """Markdown: the medians of `hull` over those of random search and of the best stock sampler."""
        if not self.lines:
            return []
        rows = [
            "| target/sources | hull | random | ratio | best stock sampler | ratio |",
            "| --- " * 6 + "|",
        ]
        found = []
        for collection in self.shelves:
            own = float(np.median(self.evaluations(collection, "hull")))
            chance = float(np.median(self.evaluations(collection, "random")))
            stock = {name: float(np.median(self.evaluations(collection, name))) for name in STOCK}
            best = min(stock, key=lambda name: stock[name])
            found.append((own / chance, own / stock[best]))
            ratios = (f"{own / chance:.2f}", f"{best}, {stock[best]:.1f}", f"{own / stock[best]:.2f}")
            rows.append(f"| {collection} | {own:.1f} | {chance:.1f} | {ratios[0]} | {ratios[1]} | {ratios[2]} |")
        by_chance, by_stock = np.median(found, axis=0)
        return [*rows, f"| **median** | | | **{by_chance:.2f}** | | **{by_stock:.2f}** |"]


def arrival(line: dict[str, Any]) -> tuple[float, float]:
    """Evaluations and seconds until the regret lies within the noise; one more than the budget if it never does."""
    within = np.flatnonzero(np.array(line["regret"]) <= line["noise"])
    before = line.get("before", 0)  # trainings before the first evaluation
    each = line["seconds"][-1] / len(line["seconds"])
    if len(within) == 0:
        return before + len(line["regret"]) + 1, before * each + line["seconds"][-1]
    return before + int(within[0]) + 1, before * each + line["seconds"][within[0]]


def surfaces_table() -> list[str]:
    """Markdown: what each surface is like."""
    head = ("target/sources", "sources", "mixtures", "spread", "noise", "share within the noise")
    rows = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for collection in shelves():
        own = surface(collection)
        within = np.mean(own.errors <= own.errors.min() + own.noise)
        rows.append(
            f"| {collection} | {', '.join(SHELVES[collection])} | {len(own.points)} | {own.errors.std():.4f} | "
            f"{own.noise:.4f} "
            f"| {100 * within:.0f} % |"
        )
    return rows


def shelves() -> list[str]:
    return sorted({line["asked"]["shelf"] for line in Lines(FOLDER / "grams.jsonl").all()})


def scores_table() -> list[str]:
    """Markdown: Kendall's tau of each cheap score with the objective, and with the test error."""
    names = ("closed form", "proxy", "derivative", "proxy and derivative", "objective")
    rows = ["| target/sources | " + " | ".join(names) + " |", "| --- " * (1 + len(names)) + "|"]
    for collection in shelves():
        own = surface(collection)
        mixtures = [Weights.of(row[:-1] / row[:-1].sum(), from_unit_concentration(row[-1])) for row in own.points]
        closed = np.array([own.hull.distance(one) for one in mixtures])
        slope = own.points[:, :-1] @ np.array(own.gradient)
        both = zscore(own.otdd) + zscore(slope)
        cells = []
        for score in (closed, own.otdd, slope, both, own.means):
            taus = [kendalltau(score, truth).statistic for truth in (own.means, own.tests)]
            cells.append(f"{taus[0]:+.2f} / {taus[1]:+.2f}" if score is not own.means else f"{taus[1]:+.2f}")
        rows.append(f"| {collection} | " + " | ".join(cells) + " |")
    return rows


def proposal() -> list[str]:
    """Markdown: how long `hull` takes to propose when 200 mixtures of five sources were evaluated."""
    own, rng = surface("mnist/5"), seeds.stream(0, "proposal")
    space = Space(own.m)
    prior = Prior(space, own.hull, ProxyDesign.of(space, lambda weights: own.at(weights)[1]), np.array(own.gradient))
    done = random_weights(space, 200, rng)
    errors = np.array([own.at(weights)[0] for weights in done]) + rng.normal(0, own.noise, len(done))
    seconds = []
    for number in range(6):
        start = time.process_time()
        HullSampler(prior, seed=number).propose(EvaluatedMixtures(done, errors), [], rng)
        seconds.append(time.process_time() - start)
    return [f"A proposal takes {np.median(seconds[1:]):.2f} s at 200 evaluations of five sources."]


def regrets(runs: Runs) -> Figure:
    """Median regret against evaluations, in units of the noise; quartiles of the hull and of random search."""
    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    shown = ("hull", *STOCK, "regression", "random")
    for axes, collection in zip(figure.subplots(2, 3, sharex=True).flat, runs.shelves, strict=True):
        for i, sampler in enumerate(shown):
            curves = np.array([line["regret"] for line in runs.of(collection, sampler)]) / surface(collection).noise
            low, middle, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
            colour = style.BEST if sampler == "hull" else style.MUTED if sampler == "random" else style.SHADES[i - 1]
            places = np.arange(1, len(middle) + 1)
            axes.plot(places, middle, color=colour, lw=1.8 if sampler == "hull" else 1.1, label=sampler)
            if sampler in ("hull", "random"):
                axes.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)
        axes.axhline(1, color=style.INK, lw=0.6, ls=":")
        axes.set_ylim(-1.5, 6)
        axes.set_title(collection, fontsize=8.5)
    figure.supxlabel("evaluations", fontsize=8.5)
    figure.supylabel("regret, in units of the noise", fontsize=8.5)
    figure.axes[0].legend(fontsize=6.5)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shelves", nargs="+", default=shelves())
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS.names(), default=list(SAMPLERS.names()))
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--evaluations", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--draw", action="store_true", help="write tables and figures, run nothing")
    options = parser.parse_args()
    kept = Lines(FOLDER / "search.jsonl")
    if not options.draw:
        kept.fill(
            [
                (
                    {"shelf": collection, "sampler": sampler, "repetition": repetition},
                    search,
                    (collection, sampler, repetition, options.evaluations),
                )
                for repetition in range(options.repetitions)
                for collection in options.shelves
                for sampler in options.samplers
            ],
            jobs=options.jobs,
        )
    runs = Runs(kept.all())
    if not runs.complete:
        print("some sampler has no run on some surface yet: nothing is drawn")
        return
    fill(
        PAGE,
        [
            ("surfaces", surfaces_table),
            ("proposal", proposal),
            ("scores", scores_table),
            ("arrival", runs.table),
            ("ratios", runs.ratios),
            ("seconds", runs.seconds),
        ],
    )
    with style.context():
        (FIGURES / "search-regret.png").write_bytes(style.png(regrets(runs)))


if __name__ == "__main__":
    main()
