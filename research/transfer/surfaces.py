"""What do error and distance look like over a whole hull? Short runs on grids of mixtures, kept as a table.

    python -m research.transfer.surfaces [--shelves ...] [--concentrations 2 inf] [--seeds 2]

Shelves of three sources: all 66 mixtures whose weights are tenths, at each concentration; shelves of five: 200 random
mixtures, at one concentration each in turn. For each the proxy (debiased held-out OTDD), the closed form, the
validation error that a search minimises, and the test error (5 shots, a head trained on them), after 300 steps. The
ternary maps of reports/transfer/hulls.md are drawn from it, and search strategies can be compared on it thousands of
times. Lines that also have "otdd", before debiasing, were trained with the random numbers of version 0.1. Results:
reports/data/surfaces.jsonl, grams.jsonl; the same command goes on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from geosearch import seeds
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.config.build import build_mixing_space
from geosearch.curation.curated_mixture import source_gradient
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache
from geosearch.search.fidelity.proxy import Proxy
from geosearch.search.objective import Objective
from geosearch.study.build_search import build_objective
from geosearch.study.prepare import Prepared, prepare
from research.common.lines import Lines
from research.common.mixtures import DATA, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
SHELVES = {
    "mnist/3": ("usps", "kmnist", "az_letters"),
    "kmnist/3": ("mnist", "fashion_mnist", "az_letters"),
    "usps/3": ("mnist", "fashion_mnist", "az_letters"),
    "az_letters/3": ("mnist", "usps", "kmnist"),
    "mnist/5": ("usps", "fashion_mnist", "kmnist", "az_letters", "svhn_small"),
    "kmnist/5": ("mnist", "usps", "fashion_mnist", "az_letters", "svhn_small"),
}
PARTS = 10  # the grid's steps along a side
GRID = [(i, j, PARTS - i - j) for i in range(PARTS + 1) for j in range(PARTS + 1 - i)]
SCATTERED = 200
CONCENTRATIONS = (2.0, np.inf)


def mixtures_of(collection: str) -> list[tuple[float, ...]]:
    """Weights of all mixtures of a shelf: the grid for three sources; corners, then points of the simplex for more."""
    m = len(SHELVES[collection])
    if m == 3:
        return [tuple(np.array(parts) / PARTS) for parts in GRID]
    drawn = seeds.stream(0, "surfaces", collection).dirichlet(np.full(m, 0.7), SCATTERED - m)
    return [*map(tuple, np.eye(m)), *map(tuple, drawn)]


def asked_of(collection: str, concentrations: Sequence[float]) -> list[tuple[int, float]]:
    """Which mixtures (places in `mixtures_of`) at which concentrations, one concentration after the other."""
    places, each = range(len(mixtures_of(collection))), len(SHELVES[collection]) == 3
    stride = 1 if each else len(concentrations)
    return [(i, value) for turn, value in enumerate(concentrations) for i in places[0 if each else turn :: stride]]


@lru_cache(maxsize=1)
def ground(collection: str, seed: int) -> tuple[Prepared, Proxy, Objective]:
    file = study_file(collection.split("/")[0], seed, "refined")
    sources = tuple(f"npz:{DATA / source}.npz" for source in SHELVES[collection])
    file = file.model_copy(update={"domain": file.domain.model_copy(update={"sources": sources})})
    cache = Cache.default()
    ready = prepare(file, build_mixing_space(file), cache, lambda name: nullcontext())
    held_out = Proxy.of(ready.anchors, ready.target.held_out, samples=400, seed=seed)
    return ready, held_out, build_objective(file, ready, cache)


def point(collection: str, seed: int, index: int, concentration: float) -> dict[str, Any]:
    """Distances (squared feature units) and errors of one mixture; the test error is in [0, 1]."""
    ready, held_out, objective = ground(collection, seed)
    weights = Weights.of(mixtures_of(collection)[index], concentration=concentration)
    number, start = seeds.integer(seed, "surfaces"), time.perf_counter()
    proxy = held_out.otdd(weights)
    looked = time.perf_counter()
    network = pretrain(Mixture(ready.anchors, weights), objective.recipe, number)
    validation = objective.scorer.score(network, objective.images, number).squared_error
    seconds = {"look": looked - start, "training": time.perf_counter() - looked}
    guess = LinearProbe().fit(network, ready.target.shots, number).predict(ready.target.test_images).argmax(1)
    return {
        "weights": [round(value, 6) for value in weights.values],
        "closed_form": ready.hull.distance(weights),
        "proxy": proxy,
        "validation": validation,
        "error": float((guess != ready.target.test_labels.reveal()).mean()),
        "seconds": seconds,
    }


def gram(collection: str, seed: int) -> dict[str, Any]:
    """What a sampler knows of a shelf: the hull's Gram matrices, the derivative of the shots' error in the weights."""
    ready = ground(collection, seed)[0]
    gradient = source_gradient(ready.anchors, ready.target.shots)
    own = {"gram": ready.hull.gram, "gram_random": ready.hull.gram_random, "source_gradient": gradient}
    return {name: value.tolist() for name, value in own.items()}


def over_grid(lines: list[dict[str, Any]], collection: str, field: str, concentration: float = 2.0) -> np.ndarray:
    """What was found over the triangle of a shelf of three: (seeds, 66), for the seeds that have all of it."""
    found: dict[int, dict[int, float]] = {}
    for line in lines:
        asked = line["asked"]
        if asked["shelf"] == collection and asked["concentration"] == str(concentration):
            found.setdefault(asked["seed"], {})[asked["mixture"]] = line[field]
    return np.array([[row[i] for i in range(len(GRID))] for row in found.values() if len(row) == len(GRID)])


def table(lines: list[dict[str, Any]]) -> list[str]:
    """Markdown: how scores rank the 66 mixtures of every triangle, Kendall's tau with the test error; and the noise."""
    names = {"closed_form": "closed form", "proxy": "debiased held-out OTDD", "validation": "objective"}
    rows = ["| target, sources | " + " | ".join(names.values()) + " | another seed's error | spread / noise, points |"]
    rows.append("| --- " * (3 + len(names)) + "|")
    for collection in (name for name in SHELVES if name.endswith("/3")):
        errors = 100 * over_grid(lines, collection, "error")
        if len(errors) < 2:
            continue
        taus = [
            np.mean(
                [kendalltau(*pair).statistic for pair in zip(over_grid(lines, collection, name), errors, strict=True)]
            )
            for name in names
        ]
        again = kendalltau(errors[0], errors[1]).statistic
        noise = float(np.std(errors[0] - errors[1] - (errors[0] - errors[1]).mean(), ddof=1) / np.sqrt(2))
        target, sources = collection.split("/")[0], ", ".join(SHELVES[collection])
        cells = " | ".join(f"{tau:+.2f}" for tau in (*taus, again))
        rows.append(f"| {target}: {sources} | {cells} | {errors.mean(0).std(ddof=1):.1f} / {noise:.1f} |")
    return rows if len(rows) > 2 else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shelves", nargs="+", choices=SHELVES, default=list(SHELVES))
    parser.add_argument("--concentrations", nargs="+", type=float, default=list(CONCENTRATIONS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    Lines(FOLDER / "surfaces.jsonl").fill(
        [
            (
                {"shelf": collection, "seed": seed, "mixture": index, "concentration": str(concentration)},
                point,
                (collection, seed, index, concentration),
            )
            for seed in range(options.seeds)
            for collection in options.shelves
            for index, concentration in asked_of(collection, options.concentrations)
        ],
        jobs=options.jobs,
    )
    Lines(FOLDER / "grams.jsonl").fill(
        [
            ({"shelf": collection, "seed": seed}, gram, (collection, seed))
            for seed in range(options.seeds)
            for collection in options.shelves
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
