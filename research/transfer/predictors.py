"""Which cheap score of a mixture tells its final test error? Kendall's tau of many, each with its cost in seconds.

    python -m research.transfer.predictors [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 3]

Every mixture of `research/common/mixtures.py` is trained on for 300 steps; the scores see that network, the 5 shots
a class, and unlabelled images. What they should tell is the test error after 1,000 steps of another network
(regimes.py, `--steps 1000 --shots 5`). Results: reports/data/predictors.jsonl, distances.jsonl; the same command goes
on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geosearch import seeds
from geosearch.adaptation.base import Scorer
from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.ridge import RIDGE_GRID, RidgeHead, leave_one_out, one_hot, ridge_fit
from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.pca import PCA
from geosearch.embeddings.pixels import Pixels
from geosearch.embeddings.source_classifier import SourceClassifier
from geosearch.nn.networks import Network
from geosearch.nn.streams import as_tensor
from geosearch.nn.train import features
from geosearch.runtime.cache import Cache
from geosearch.transport.label_distances.gaussian import GaussianLabels
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, SHORT, Cell, candidates, cells, ground, refined, study_file
from research.transfer import agreement
from research.transfer.regimes import errors
from research.transport.embeddings import distances

FOLDER = Path(__file__).parents[2] / "reports" / "data"
COPIES = 8  # of every shot, one of them as it is
EMBEDDINGS: dict[str, Embedding] = {"source network": SourceClassifier(), "PCA": PCA(), "pixels": Pixels()}


def scores(cell: Cell) -> dict[str, Any]:
    """Every score of one cell (smaller is better), and the seconds that each took once the network was there."""
    own, network = cell.ground, cell.network(SHORT)
    shots, reference = own.prepared.target.shots, own.prepared.target.reference
    y = one_hot(shots.labels, len(shots.classes))
    found, seconds = {}, {}

    def timed(name: str, score: Callable[[], float | tuple[float, float]]) -> None:
        start = time.perf_counter()
        value = score()
        seconds[name] = time.perf_counter() - start
        found.update(named(name, value))

    def cross(adaptation: Any) -> tuple[float, float]:
        score = adaptation.score(network, shots, cell.seed, cell.mixture)
        return score.squared_error, score.top1_error

    timed("leave-one-out", lambda: cross(RidgeHead()))
    timed("leave-one-out, second layer", lambda: loo(maps(network, shots.images)[1], y))
    timed("leave-one-out, all layers", lambda: loo(np.hstack(maps(network, shots.images)), y))
    timed("leave-one-out, augmented shots", lambda: augmented(network, cell, y))
    timed("cross-validation, linear probe", lambda: cross(LinearProbe()))
    timed("cross-validation, fine-tuned", lambda: cross(FineTuning()))
    timed("LogME", lambda: -log_me(scaled(features(network, shots.images)), y))
    timed("LogME, pseudo-labels", lambda: -log_me(scaled(features(network, reference.images)), one_hot_of(reference)))
    timed("shots, judged by pseudo-labels", lambda: across(network, shots, own.prepared.target.held_out))
    timed("pseudo-labels, judged by shots", lambda: across(network, reference, shots))
    return {"scores": found, "seconds": seconds}


def refined_scores(cell: Cell) -> dict[str, Any]:
    """The scores that look at unlabelled images, once more, with better pseudo-labels."""
    network, shots = cell.network(SHORT), cell.ground.prepared.target.shots
    reference, held_out = refined(cell.target, cell.seed)
    found, seconds = {}, {}
    for name, score in {
        "episodes, refined labels": lambda: judged(
            network, Episodes(), shots.concatenate(reference).concatenate(held_out)
        ),
        "leave-one-out, refined labels": lambda: judged(network, RidgeHead(), shots.concatenate(reference)),
        "LogME, refined labels": lambda: -log_me(scaled(features(network, reference.images)), one_hot_of(reference)),
        "shots, judged by refined labels": lambda: across(network, shots, held_out),
    }.items():
        start = time.perf_counter()
        value = score()
        seconds[name] = time.perf_counter() - start
        found.update(named(name, value))
    return {"scores": found, "seconds": seconds}


def named(name: str, value: float | tuple[float, float]) -> dict[str, float]:
    """A score under its name, or a squared error and an error rate under two."""
    pairs = zip((name, f"{name}, rate"), value, strict=True) if isinstance(value, tuple) else [(name, value)]
    return {key: float(one) for key, one in pairs}


def judged(network: Network, judge: Scorer, images: LabelledSet) -> tuple[float, float]:
    """As an objective does."""
    score = judge.score(network, images, 0)
    return score.squared_error, score.top1_error


def one_hot_of(labelled: Any) -> np.ndarray:
    return one_hot(labelled.labels, len(labelled.classes))


def scaled(x: np.ndarray) -> np.ndarray:
    """Centred, with a mean squared norm of 1."""
    x = x.astype(np.float64) - x.mean(0)
    return np.asarray(x / max(np.sqrt((x**2).sum(1).mean()), 1e-12))


def loo(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    result = leave_one_out(scaled(x), y)
    return result.squared_error, result.top1_error


def maps(network: Network, images: np.ndarray) -> list[np.ndarray]:
    """What each of the three convolutions gives, averaged over the four quarters of the frame: 3 x (n, d)."""
    x, found = (as_tensor(images) - 0.5) * 2, []
    with torch.inference_mode():
        for layer in network.body:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU):
                found.append(torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1).numpy())
    return found


def augmented(network: Network, cell: Cell, y: np.ndarray) -> tuple[float, float]:
    """Leave-one-out of ridge regression on augmented copies of the shots; all copies of a shot are left out together.

    With H the smoother's hat matrix, e_g = (I - H_gg)^-1 (F_g - Y_g) for the rows g of one shot.
    """
    shots = cell.ground.prepared.target.shots
    x, generator = as_tensor(shots.images), seeds.torch_stream(cell.seed, "copies")
    copies = [x, *(cell.ground.recipe.augmentation(x, generator) for _ in range(COPIES - 1))]
    network.eval()
    with torch.inference_mode():
        z = scaled(np.concatenate([network.features(one).numpy() for one in copies]))
    targets = np.tile(y, (COPIES, 1))
    left, singular, _ = np.linalg.svd(z, full_matrices=False)
    rows = np.arange(len(z)).reshape(COPIES, len(y)).T  # (shots, copies)
    blocks = left[rows]  # (shots, copies, r)
    best = (np.inf, 1.0)
    for ridge in RIDGE_GRID:
        shrink = singular**2 / (singular**2 + ridge * len(z) / len(y))
        fitted = targets.mean(0) + left @ (shrink[:, None] * (left.T @ (targets - targets.mean(0))))
        hat = 1 / len(z) + (blocks * shrink) @ blocks.transpose(0, 2, 1)  # (shots, copies, copies)
        residuals = np.linalg.solve(np.eye(COPIES) - hat, (fitted - targets)[rows])  # (shots, copies, c)
        squared = float((residuals**2).sum(2).mean())
        if squared < best[0]:
            mean = residuals.mean(1) + y  # the copies' mean prediction for the shot that none of them has seen
            best = (squared, float((mean.argmax(1) != y.argmax(1)).mean()))
    return best


def across(network: Network, fitted: Any, judged: Any) -> tuple[float, float]:
    """Ridge regression fitted to one labelled set, its penalty by leave-one-out, and judged by another."""
    z = features(network, fitted.images).astype(np.float64)
    scale = 1 / np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean())
    z, y, truth = z * scale, one_hot_of(fitted), one_hot_of(judged)
    head = ridge_fit(z, y, leave_one_out(z, y).ridge)
    guess = head.predict(features(network, judged.images) * scale)
    return float(((guess - truth) ** 2).sum(1).mean()), float((guess.argmax(1) != truth.argmax(1)).mean())


def log_me(x: np.ndarray, y: np.ndarray) -> float:
    """Log marginal likelihood per sample of Bayesian linear regression at its best hyperparameters, mean over classes.

    Source: You, Liu, Wang & Long 2021 (LogME), algorithm 1 with the SVD of the features.
    """
    n, d = x.shape
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    squares, total = singular**2, 0.0
    for column in y.T:
        projected = left.T @ column
        outside = max(float(column @ column - projected @ projected), 0.0)
        alpha, beta = 1.0, 1.0
        for _ in range(100):
            shrink = alpha + beta * squares
            norm = float((beta**2 * squares * projected**2 / shrink**2).sum())  # |m|^2
            residual = float((alpha**2 * projected**2 / shrink**2).sum()) + outside  # |Xm - y|^2
            gamma = float((beta * squares / shrink).sum())
            new = gamma / max(norm, 1e-12), (n - gamma) / max(residual, 1e-12)
            moved = abs(np.log(new[0] / alpha)) + abs(np.log(new[1] / beta))
            alpha, beta = new
            if moved < 1e-4:
                break
        shrink = alpha + beta * squares
        determinant = float(np.log(shrink).sum()) + (d - len(shrink)) * np.log(alpha)
        evidence = d * np.log(alpha) + n * np.log(beta) - determinant - beta * residual - alpha * norm
        total += (evidence - n * np.log(2 * np.pi)) / (2 * n)
    return total / y.shape[1]


def distances_of(target: str, seed: int) -> dict[str, Any]:
    """Closed form, debiased and biased held-out OTDD of every mixture, per embedding."""
    file, own = study_file(target, seed), ground(target, seed).prepared
    weights = list(candidates(target, seed).values())
    found = {"closed form": [own.hull.distance(one) for one in weights]}
    seconds = {}
    collection = load_collection(**file.domain.collection, seed=seed)
    for name, embedding in EMBEDDINGS.items():
        encoder = embedding.fit(collection.sources, seed=seed, cache=Cache.default())
        start = time.perf_counter()
        both = distances(own.anchors, own.target, collection, encoder, GaussianLabels(), False, weights)
        spent = (time.perf_counter() - start) / len(weights)
        for kind, values in both.items():
            found[f"{kind} OTDD, {name}"] = values
            seconds[f"{kind} OTDD, {name}"] = spent
    return {"distances": found, "seconds": seconds}


def fill(targets: list[str], seed_count: int, jobs: int) -> None:
    """Score and train what has no line yet."""
    asked = cells(targets, seed_count)
    keys = [{"target": cell.target, "seed": cell.seed, "mixture": cell.index} for cell in asked]
    Lines(FOLDER / "predictors.jsonl").fill(
        [(key, scores, (cell,)) for key, cell in zip(keys, asked, strict=True)], jobs=jobs
    )
    Lines(FOLDER / "refined.jsonl").fill(
        [(key, refined_scores, (cell,)) for key, cell in zip(keys, asked, strict=True)], jobs=jobs
    )
    final = [
        ({**key, "steps": LONG, "shots": 5}, errors, (cell, LONG, (5,))) for key, cell in zip(keys, asked, strict=True)
    ]
    Lines(FOLDER / "regimes.jsonl").fill(final, jobs=jobs)
    pairs = sorted({(cell.seed, cell.target) for cell in asked})
    Lines(FOLDER / "distances.jsonl").fill(
        [({"target": target, "seed": seed}, distances_of, (target, seed)) for seed, target in pairs],
        jobs=jobs,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    if not options.table:
        fill(options.targets, options.seeds, options.jobs)
    print("\n".join([*agreement.table(FOLDER), "", *agreement.gains(FOLDER)]))


if __name__ == "__main__":
    main()
