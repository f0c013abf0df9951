"""How far from the pretrained weights should a trained block be, and can the labels of a target tell?

    python -m research.photographs.interpolation [--seeds 1] [--targets rsscn7 ...] [--steps 150 50]

The last block was trained once on every single source, and on the pooled union of each target's sources (mixtures.py).
At lambda 0, .25, .5, .75 and 1 between the pretrained block and the trained one (WiSE-FT, Wortsman et al. 2022), after
150 steps and after 50: test errors of the ridge head and of self-training at five labels a class, the leave-one-out
error on the labels, and the error of episodes on pseudo-labelled images, both with the standard errors of their paired
differences. Pseudo-labels are those of an ensemble of networks on single sources and the union, the four of least
leave-one-out error.
Results: reports/data/photographs_interpolation.jsonl.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.ridge import leave_one_out, one_hot
from geosearch.transport.solvers.class_balance import allocate, class_factors
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.heads import Few
from research.photographs.merged import merge
from research.photographs.mixtures import mixtures
from research.photographs.scoring import SELF_TRAINING, features, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, sources_of, task

FILE = Lines(FOLDER / "photographs_interpolation.jsonl")
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHORT, LONG = 50, 150  # steps of a trial of a search, and of the other trainings
PAIRS = tuple(combinations(range(len(LAMBDAS)), 2))
SHOTS, EPISODES, MEMBERS, IMAGES = 5, 20, 4, 1400
PLAIN, SELF_TRAINED, LEFT_OUT, EPISODE = range(4)  # what a row of errors holds


def names_of(target: str) -> list[str]:
    """Single sources, and the pooled union."""
    return [*sources_of(target), f"pooled: {target}"]


def measured(target: str, name: str, seed: int, steps: int) -> dict[str, Any]:
    """Of each draw of labels: the four errors at each lambda, and the standard errors of the last two's differences."""
    known = task(target)
    n = len(known.train)
    z = [moved(target, name, seed, scale, steps) for scale in LAMBDAS]
    errors, left_out, episodes = [], [], []
    for draw in range(DRAWS):
        labelled = [few(target, SHOTS, draw, one) for one in z]
        rows, labels = pseudo_labelled(target, draw, seed)
        judged = [
            np.stack([losses_left_out(one) for one in labelled]),
            np.stack([losses_of_episodes(one[rows], labels, labelled[0].y, draw) for one in z]),
        ]
        test = [
            [heads.error(way, one[n:], known.test_labels)[0] for way in ways(few_)]
            for one, few_ in zip(z, labelled, strict=True)
        ]
        errors.append(
            [[round(value, 5) for value in (*t, *(losses[i].mean() for losses in judged))] for i, t in enumerate(test)]
        )
        left_out.append(paired_errors(judged[0]))
        episodes.append(paired_errors(judged[1]))
    return {"errors": errors, "left_out": left_out, "episodes": episodes}


def ways(labelled: Few) -> tuple[heads.Head, heads.Head]:
    """The ridge head, and self-trained from it."""
    ridge = heads.ridge(labelled)
    return ridge, heads.self_trained(labelled, **SELF_TRAINING, teacher=lambda _: ridge)


def losses_left_out(labelled: Few) -> np.ndarray:
    """(n,) squared error of each label, left out."""
    z = labelled.z.astype(np.float64)
    found = leave_one_out(z * heads._scale(labelled.z), one_hot(labelled.y, labelled.c))
    return (found.residuals**2).sum(1)


def losses_of_episodes(z: np.ndarray, labels: np.ndarray, own: np.ndarray, draw: int) -> np.ndarray:
    """(episodes,) squared error of ridge heads fitted to five images a class, as `Episodes` does."""
    z = z.astype(np.float64) - z.mean(0)
    gram, y = z @ z.T, one_hot(labels, int(own.max()) + 1)
    rng, found = seeds.stream(draw, "photographs interpolation"), []
    for _ in range(EPISODES):
        order = rng.permutation(len(labels))
        chosen = np.concatenate(
            [
                rows[: min(SHOTS, max(len(rows) - 1, 1))]
                for rows in (order[labels[order] == label] for label in np.unique(labels))
            ]
        )
        rest = np.setdiff1d(order, chosen)
        inner, mean = gram[np.ix_(chosen, chosen)], y[chosen].mean(0)
        centred = inner - inner.mean(0) - inner.mean(1)[:, None] + inner.mean()
        penalty = max(float(np.trace(centred)) / len(chosen), 1e-12)
        dual = np.linalg.solve(centred + penalty * np.eye(len(chosen)), y[chosen] - mean)
        prediction = gram[np.ix_(rest, chosen)] @ dual + mean - inner.mean(0) @ dual
        found.append(float(((prediction - y[rest]) ** 2).sum(1).mean()))
    return np.array(found)


def paired_errors(losses: np.ndarray) -> list[float]:
    """Standard error of the mean difference of each of `PAIRS` of rows: (lambdas, n)."""
    root = np.sqrt(losses.shape[1])
    return [round(float((losses[i] - losses[j]).std(ddof=1) / root), 5) for i, j in PAIRS]


@lru_cache(maxsize=64)
def pseudo_labelled(target: str, draw: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the labelled images and of some unlabelled ones, and their labels: true ones, and the ensemble's."""
    known = task(target)
    own = known.draw(SHOTS, draw)
    rest = np.setdiff1d(np.arange(len(known.train)), own)
    rest = seeds.stream(draw, "photographs unlabelled", target).permutation(rest)[:IMAGES]
    members = []
    for name in names_of(target):
        z = moved(target, name, seed, 1.0)
        labelled = few(target, SHOTS, draw, z)
        members.append((losses_left_out(labelled).mean(), heads.confident(heads.ridge(labelled)(z[rest]))))
    members.sort(key=lambda one: one[0])
    scores = np.mean([scores for _, scores in members[:MEMBERS]], axis=0)
    labels = allocate(scores, class_factors(scores, 0.5)).argmax(1)
    return np.concatenate([own, rest]), np.concatenate([known.train_labels[own], labels])


@lru_cache(maxsize=24)
def moved(target: str, name: str, seed: int, scale: float, steps: int = LONG) -> np.ndarray:
    """Features of the target's images under the block at lambda, after so many steps of training."""
    if scale == 0:
        return features(None, target)
    one = mixtures()[name]
    state = one.training.run(one.weights, seed)[steps]
    return features(merge({name: 1.0}, {name: state}, scale), target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--steps", type=int, nargs="+", default=(LONG, SHORT), choices=(LONG, SHORT))
    options = parser.parse_args()
    FILE.fill(
        [
            (
                {"target": target, "mixture": name, "seed": seed} | ({"steps": steps} if steps != LONG else {}),
                measured,
                (target, name, seed, steps),
            )
            for steps in options.steps
            for seed in range(options.seeds)
            for target in options.targets
            for name in names_of(target)
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
