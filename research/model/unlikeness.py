"""Which score tells images that are unlike the target's from its own?

    python -m research.model.unlikeness [--draws 3]

Small networks with 5 labels a class; the unlike images are of a set that the network has never seen. Scores: maximum
softmax probability, energy, and distances in the features of 1,000 unlabelled images. The score is chosen on mnist
against fashion_mnist and usps against kmnist, and checked on photographs. Results: reports/model.md,
reports/data/model-unlikeness.jsonl. Needs $GEOSEARCH_DATA, and the photographs beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.metrics import roc_auc_score

from geosearch.model.module import as_module
from geosearch.model.trained_model import read_out
from geosearch.model.unlikeness import Unlikeness, in_units
from research.common.lines import Lines
from research.common.page import fill
from research.model.networks import ADAPTATIONS, draw, network, read

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "model-unlikeness.jsonl")
PAIRS = (("mnist", "fashion_mnist"), ("usps", "kmnist"), ("seedlings", "rsscn7"), ("trash", "dtd10"))
SCORES = ("softmax", "energy", "Mahalanobis", "neighbours", "mean of both", "larger of both")


def measure(target: str, other: str, adaptation: str, number: int) -> dict[str, Any]:
    """AUROC of every score, and the share of both sets above the threshold of the one that is used."""
    shots, unlabelled = draw(target, 5, number)
    module = as_module(ADAPTATIONS[adaptation].fit(network(target, other), shots, number))
    known = np.concatenate([shots.images, unlabelled])
    logits, features = read_out(module, known)
    labels = logits.argmax(1)
    labels[: len(shots)] = shots.labels
    unlike = Unlikeness.fit(features, labels, number)
    scores: dict[str, list[np.ndarray]] = {name: [] for name in SCORES}
    for images in (read(target, "test").images, read(other, "test").images):
        logits, z = read_out(module, images)
        scores["softmax"].append(-softmax(logits, axis=1).max(1))
        scores["energy"].append(-logsumexp(logits, axis=1))
        distances = unlike.distances(z)
        scores["Mahalanobis"].append(distances[:, 0])
        scores["neighbours"].append(distances[:, 1])
        scores["mean of both"].append(in_units(distances, unlike.scales[:2]).mean(1))
        scores["larger of both"].append(unlike.score(z))
    found: dict[str, Any] = {}
    for name, (own, strange) in scores.items():
        truth = np.repeat([0, 1], [len(own), len(strange)])
        found[name] = float(roc_auc_score(truth, np.concatenate([own, strange])))
    own, strange = scores["larger of both"]
    return found | {"flagged_own": float((own > 1).mean()), "flagged_other": float((strange > 1).mean())}


def results() -> list[str]:
    """A line for each pair and head."""
    rows = [
        f"| target against | head | {' | '.join(SCORES)} | flagged: own | other |",
        "| --- " * (len(SCORES) + 4) + "|",
    ]
    lines = LINES.all()
    for number, (target, other) in enumerate(PAIRS):
        for adaptation in ADAPTATIONS:
            asked = {"target": target, "other": other, "adaptation": adaptation}
            found = [line for line in lines if asked.items() <= line["asked"].items()]
            if not found:
                return []
            cells = [f"{np.mean([line[name] for line in found]):.3f}" for name in SCORES]
            cells += [
                f"{100 * np.mean([line[key] for line in found]):.0f} %" for key in ("flagged_own", "flagged_other")
            ]
            check = " (check)" if number > 1 else ""
            rows.append(f"| {target} against {other}{check} | {adaptation} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    tasks = [
        (
            {"target": target, "other": other, "adaptation": adaptation, "draw": number},
            measure,
            (target, other, adaptation, number),
        )
        for target, other in PAIRS
        for number in range(given.draws)
        for adaptation in ADAPTATIONS
    ]
    LINES.fill(tasks, jobs=given.jobs)
    fill(REPORTS / "model.md", [("unlike", results)])


if __name__ == "__main__":
    main()
