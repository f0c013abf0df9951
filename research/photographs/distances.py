"""Does the debiased held-out OTDD between a mixture and the target rank mixtures as trainings on them do?

    python -m research.photographs.distances

On pooled features of the pretrained encoder, as the proxy of a study has it: OTDD(rho, Q) - OTDD(rho, rho') / 2, with
rho and rho' disjoint samples of the mixture's real images and Q unlabelled images of the target. Labels enter as the
means of their classes (`MeanLabels`); those of the target are pseudo-labels by the ridge head on five labels a class,
so the distance depends on the draw. Results: reports/data/photographs_distances.jsonl.
"""

from __future__ import annotations

import argparse
from functools import cache, lru_cache
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.transport.problem import Problem
from geosearch.transport.solution import solve
from geosearch.transport.solvers.exact import Exact
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.encoder import pooled
from research.photographs.mixtures import FILE as TRAININGS
from research.photographs.mixtures import mixtures, of_target
from research.photographs.scoring import few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, photos, task

FILE = Lines(FOLDER / "photographs_distances.jsonl")
SAMPLES = 250
_NEARLY_EXACT = Exact(tolerance=0.02)


def measured(target: str, name: str) -> dict[str, Any]:
    """Debiased distances with labels, one for each draw, and on features alone."""
    rho, other = drawn(target, name)
    width = rho.shape[1] // 2
    within = [_otdd(rho[:, part], other[:, part]) / 2 for part in (slice(None), slice(width))]
    with_labels = [_otdd(rho, held_out(target, draw)) - within[0] for draw in range(DRAWS)]
    plain = _otdd(rho[:, :width], held_out(target, 0)[:, :width]) - within[1]
    return {"with_labels": [round(value, 4) for value in with_labels], "features": round(plain, 4)}


def drawn(target: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint samples (k, 2 d) of a mixture: features, and the means of their classes."""
    rng = seeds.stream(0, "photographs proxy")
    weights = mixtures()[name].weights
    shares = np.array([w for _, w in weights])
    counts = np.bincount(rng.choice(len(shares), 2 * SAMPLES, p=shares / shares.sum()), minlength=len(shares))
    rows = [
        _vectors(set_)[rng.permutation(photos(set_).train)[:n]] for (set_, _), n in zip(weights, counts, strict=True)
    ]
    both = rng.permutation(np.concatenate(rows))
    return both[:SAMPLES], both[SAMPLES:]


@lru_cache(maxsize=8)
def held_out(target: str, draw: int) -> np.ndarray:
    """(k, 2 d) of unlabelled images of the target: features, and the means of their pseudo-classes."""
    z = _features(target)[task(target).rows]
    labelled = few(target, 5, draw, z)
    labels = heads.ridge(labelled)(labelled.u).argmax(1)
    means = np.stack([labelled.u[labels == label].mean(0) for label in range(labelled.c)])
    chosen = seeds.stream(0, "photographs held-out").permutation(len(labelled.u))[:SAMPLES]
    return np.concatenate([labelled.u, means[labels]], 1)[chosen].astype(np.float64)


@cache
def _features(name: str) -> np.ndarray:
    return pooled(name)


@cache
def _vectors(name: str) -> np.ndarray:
    known = photos(name)
    z, labels = _features(name)[: known.train], known.labels[: known.train]
    means = np.stack([z[labels == label].mean(0) for label in range(len(known.classes))])
    return np.concatenate([z, means[labels]], 1).astype(np.float64)


def _otdd(x: np.ndarray, x2: np.ndarray) -> float:
    plan = solve(Problem.plain(x, x2), _NEARLY_EXACT)
    return plan.value if plan.lower_bound is None else (plan.value + plan.lower_bound) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--known", action="store_true", help="only of mixtures that have been trained on")
    options = parser.parse_args()
    known = {line["asked"]["mixture"] for line in TRAININGS.all()} if options.known else set(mixtures())
    FILE.fill(
        [
            ({"target": target, "mixture": name}, measured, (target, name))
            for target in TARGETS
            for name in of_target(target)
            if name in known and not name.startswith("mixup")
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
