"""Does the dataset derivative find wrong labels, mend a set by weights, and pick what is worth adding?

    python -m research.curation.curation [--sets mnist fashion_mnist kmnist usps] [--seeds 3]

(a) Uniform label noise: F1 at the method's own threshold and area under the ROC curve, beside the ranking by
leave-one-out loss and beside confident learning (cleanlab; Northcutt, Jiang & Chuang 2021). (b) Test error of a ridge
head before and after reweighting, with noise and with a pool that is half from a wrong domain. (c) Test error
against the number of pool samples added to a small core, beside random order; the pool is half from a wrong domain.

Features for all of them: `RandomPatchFeatures`, which use no labels;
every ridge penalty is chosen by the leave-one-out error on the labels as given. Results: reports/data/curation.jsonl,
reports/curation.md; the same command goes on where it stopped. Needs $GEOSEARCH_DATA and `pip install -e '.[bench]'`.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from geosearch import seeds
from geosearch.adaptation.ridge import one_hot
from geosearch.curation.detection import detect
from geosearch.curation.extension import extend
from geosearch.curation.reweighting import reweight
from geosearch.curation.weighted_pool import WeightedPool
from geosearch.curation.weighted_ridge import WeightedRidge, best_ridge
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.runtime.cache import Cache
from research.common.lines import Lines

REPORTS = Path(__file__).parents[2] / "reports"
DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
SETS = ("mnist", "fashion_mnist", "kmnist", "usps")
WRONG = {"mnist": "kmnist", "usps": "kmnist", "kmnist": "mnist", "fashion_mnist": "kmnist"}
EMBEDDING, FINER = RandomPatchFeatures(48), RandomPatchFeatures(96)  # the finer one for (a)
SAMPLES, TEST = 6000, 2000
NOISE = 0.2
MENDED = 3000  # images of (b)
CORE = 10  # images of each class
POOL = 2000  # half of them from the wrong domain
STRENGTHS = (3.0, 30.0)  # of confident learning's logistic regression (C)


@dataclass(frozen=True, eq=False)
class Problem:
    """Features (n, d) and labels (n,) of a training part, and of a test part."""

    x: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classes: int

    def error(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
        """Test error in points of a ridge head on weighted samples, its penalty by leave-one-out."""
        y, used = one_hot(labels, self.classes), weights > 0
        if used.sum() < 2:
            return float("nan")
        ridge = best_ridge(x[used], y[used], weights[used], np.ones(int(used.sum())))
        guess = WeightedRidge.fit(x[used], y[used], weights[used], ridge).head.predict(self.test).argmax(1)
        return 100 * float((guess != self.test_labels).mean())


@cache
def loaded(name: str, part: str) -> LabelledSet:
    return harmonize(load(f"npz:{DATA / name}.npz", part=part), size=28, channels=1)  # type: ignore[arg-type]


def problem(name: str, seed: int, *, count: int, wrong: int = 0, embedding: RandomPatchFeatures = EMBEDDING) -> Problem:
    """`count` images of a set, then `wrong` of another with the labels that these happen to have."""
    own = loaded(name, "train").sample(count, seeds.stream(seed, "benchmark", name))
    test = loaded(name, "test").sample(TEST, seeds.stream(seed, "benchmark", name, "test"))
    images, labels = own.images, own.labels
    if wrong:
        other = loaded(WRONG[name], "train").sample(wrong, seeds.stream(seed, "benchmark", name, "wrong"))
        images, labels = np.concatenate([images, other.images]), np.concatenate([labels, other.labels])
    seen = LabelledSet(images, labels, own.classes, name)
    encoder = embedding.fit([seen], seed=seed, cache=Cache.default())
    return Problem(encoder.encode(images), labels, encoder.encode(test.images), test.labels, len(own.classes))


def noisy(labels: np.ndarray, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which `NOISE` were moved to another class, any of them alike, and which those are."""
    rng = seeds.stream(seed, "noise")
    wrong = rng.random(len(labels)) < NOISE
    moved = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(wrong, moved, labels), wrong


def detection(name: str, seed: int) -> dict[str, Any]:
    """AUC, F1 and seconds of every method."""
    given = problem(name, seed, count=SAMPLES, embedding=FINER)
    labels, wrong = noisy(given.labels, given.classes, seed)
    pool = WeightedPool.of(given.x, one_hot(labels, given.classes))
    found: dict[str, dict[str, float]] = {}
    for title, rounds in (("derivative, as published", 1), ("derivative, second round", 2)):
        start = time.perf_counter()
        result = detect(pool, rounds=rounds)
        found[title] = scored(result.derivative, result.harmful, wrong, start)
    start = time.perf_counter()
    loss = pool.derivative(np.ones(len(pool)))
    disagrees = (pool.targets + loss.residuals).argmax(1) != labels
    found["leave-one-out loss"] = scored(loss.squared_errors, disagrees, wrong, start)
    head = pool.fit_head(np.ones(len(pool)))
    fitted = ((head.predict(given.x) - pool.targets) ** 2).sum(1)
    found["training loss"] = scored(fitted, head.predict(given.x).argmax(1) != labels, wrong, start)
    start = time.perf_counter()
    quality, issues = confident(given.x, labels, seed)
    found["confident learning"] = scored(-quality, issues, wrong, start)
    return {"methods": found}


def narrower(name: str, seed: int) -> dict[str, Any]:
    """F1 of the harmful samples of `detection` for which the others speak for another label."""
    given = problem(name, seed, count=SAMPLES, embedding=FINER)
    labels, wrong = noisy(given.labels, given.classes, seed)
    found = detect(WeightedPool.of(given.x, one_hot(labels, given.classes)))
    return {"f1": float(f1_score(wrong, found.mislabelled)), "flagged": float(found.mislabelled.mean())}


def scored(score: np.ndarray, flagged: np.ndarray, wrong: np.ndarray, start: float) -> dict[str, float]:
    seconds = time.perf_counter() - start
    return {
        "auc": float(roc_auc_score(wrong, score)),
        "f1": float(f1_score(wrong, flagged)),
        "flagged": float(flagged.mean()),
        "seconds": seconds,
    }


def confident(x: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """cleanlab's label quality, and its issues, from out-of-fold probabilities of a logistic regression."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    folds = StratifiedKFold(4, shuffle=True, random_state=seeds.integer(seed, "folds") % 2**32)
    x = (x - x.mean(0)) / np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        tried = [
            cross_val_predict(LogisticRegression(C=strength, max_iter=100), x, labels, cv=folds, method="predict_proba")
            for strength in STRENGTHS
        ]
    # lbfgs ends at 100 iterations: stopping early suits noisy labels, and the log loss decides anyway
    probabilities = min(tried, key=lambda one: log_loss(labels, one))
    return get_label_quality_scores(labels, probabilities), find_label_issues(labels, probabilities, n_jobs=1)


def reweighting(name: str, seed: int) -> dict[str, Any]:
    """Test errors of a ridge head, in points: before, after, and after dropping what `detect` calls harmful."""
    given = problem(name, seed, count=MENDED)
    labels, wrong = noisy(given.labels, given.classes, seed)
    pool, ones = WeightedPool.of(given.x, one_hot(labels, given.classes)), np.ones(MENDED)
    seen = detect(pool)
    harmful = seen.harmful
    noise = {
        "as it is": given.error(given.x, labels, ones),
        "reweighted": given.error(given.x, labels, reweight(pool).weights),
        "reweighted, error of helpful samples": given.error(
            given.x, labels, reweight(pool, counts=(~harmful).astype(float)).weights
        ),
        "harmful dropped": given.error(given.x, labels, (~harmful).astype(float)),
        "mislabelled dropped": given.error(given.x, labels, (~seen.mislabelled).astype(float)),
        "wrong labels dropped": given.error(given.x, labels, (~wrong).astype(float)),
    }
    polluted, core, rows = polluted_pool(name, seed)
    weights = np.concatenate([reweight(polluted.pool).weights, np.ones(len(core))])
    found = detect(polluted.pool)
    kept = np.concatenate([~found.harmful, np.ones(len(core), bool)]).astype(float)
    x, y = polluted.x[rows], polluted.labels[rows]
    own = np.concatenate([np.arange(len(rows) - len(core)) < POOL // 2, np.ones(len(core), bool)]).astype(float)
    return {
        "noise": noise,
        "polluted": {
            "core alone": polluted.error(x, y, np.concatenate([np.zeros(POOL), np.ones(len(core))])),
            "as it is": polluted.error(x, y, np.ones(len(rows))),
            "reweighted": polluted.error(x, y, weights),
            "harmful dropped": polluted.error(x, y, kept),
            "wrong domain dropped": polluted.error(x, y, own),
        },
    }


@dataclass(frozen=True, eq=False)
class Polluted(Problem):
    """A problem with its pool."""

    pool: WeightedPool


def polluted_pool(name: str, seed: int) -> tuple[Polluted, np.ndarray, np.ndarray]:
    """The problem, the rows of its core, and all rows in the order pool (own, wrong), core."""
    count = POOL // 2 + CORE * len(loaded(name, "train").classes)
    given = problem(name, seed, count=count, wrong=POOL // 2)
    ranked = np.concatenate([np.flatnonzero(given.labels[:count] == label)[:CORE] for label in range(given.classes)])
    others = np.setdiff1d(np.arange(len(given.x)), ranked)
    y = one_hot(given.labels, given.classes)
    pool = WeightedPool.of(given.x[others], y[others], (given.x[ranked], y[ranked]))
    fields = (given.x, given.labels, given.test, given.test_labels, given.classes)
    return Polluted(*fields, pool), ranked, np.concatenate([others, ranked])


def extension(name: str, seed: int) -> dict[str, Any]:
    """Test error against the number of samples that joined, for the derivative's order and for random orders."""
    given, core, rows = polluted_pool(name, seed)
    x, y = given.x[rows], given.labels[rows]
    found = extend(given.pool)

    def errors(order: np.ndarray, sizes: Any) -> list[float]:
        weights = [np.concatenate([np.isin(np.arange(POOL), order[:size]), np.ones(len(core))]) for size in sizes]
        return [given.error(x, y, one.astype(float)) for one in weights]

    even = np.linspace(0, POOL, 6).astype(int)
    drawn = [errors(seeds.stream(seed, "order", i).permutation(POOL), even) for i in range(2)]
    return {
        "sizes": list(found.sizes),
        "errors": errors(found.order, found.sizes),
        "losses": list(found.losses),
        "own": [float((found.order[:size] < POOL // 2).mean()) if size else 1.0 for size in found.sizes],
        "taken": len(found.taken),
        "even": even.tolist(),
        "random": np.mean(drawn, axis=0).tolist(),
    }


TASKS: Mapping[str, Any] = {"detect": detection, "mislabelled": narrower, "reweight": reweighting, "extend": extension}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="draw and print what is there, run nothing")
    options = parser.parse_args()
    if not options.table:
        Lines(REPORTS / "data" / "curation.jsonl").fill(
            [
                ({"task": task, "set": name, "seed": seed}, TASKS[task], (name, seed))
                for seed in range(options.seeds)
                for task in options.tasks
                for name in options.sets
            ],
            jobs=options.jobs,
        )
    from research.curation.tables import draw, tables

    print("\n".join(tables(Lines(REPORTS / "data" / "curation.jsonl").all())))
    draw(Lines(REPORTS / "data" / "curation.jsonl").all(), REPORTS / "figures")


if __name__ == "__main__":
    main()
