"""What should label a target before a study maps it: its pretrained features, or networks trained on the sources?

    python -m research.photographs.pseudo_labels

Share of wrong labels among the images without labels, five labels a class, five draws: the nearest labelled image,
label spreading, the ridge head, the self-trained one, and that of the two which cross-validation chooses ("head"), on
the pretrained features; and the ensemble of four of the networks that were trained on single sources and on the union
(interpolation.py), which costs seven trainings. Results: reports/data/photographs_pseudo_labels.jsonl.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.semi_supervised import LabelSpreading

from geosearch.pseudo_labels.head import HeadLabelling
from geosearch.pseudo_labels.nearest import nearest_rows
from geosearch.transport.solvers.class_balance import allocate, class_factors
from research.common.lines import Lines
from research.common.page import fill
from research.photographs import heads
from research.photographs.interpolation import pseudo_labelled
from research.photographs.scoring import SELF_TRAINING, features, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, task
from research.photographs.tables import MEAN, PAGE, against, head, percent, row

FILE = Lines(FOLDER / "photographs_pseudo_labels.jsonl")
SHOTS = 5
WAYS = {
    "head": "head (ridge or self-trained)",
    "ridge": "ridge head",
    "self-trained": "self-trained head",
    "nearest": "nearest labelled image",
    "spreading 7, 0.5": "label spreading",
}
SPREADING = ((7, 0.5), (7, 0.8), (7, 0.95))  # neighbours and alpha; the first is the library's default


def measured(target: str) -> dict[str, Any]:
    """Way -> share of wrong labels of each draw."""
    known, z = task(target), features(None, target)
    found: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        own = known.draw(SHOTS, draw)
        rows, labels = pseudo_labelled(target, draw, 0)
        rows, labels = rows[len(own) :], labels[len(own) :]
        labelled = few(target, SHOTS, draw, z)
        ridge = heads.ridge(labelled)
        taught = heads.self_trained(labelled, **SELF_TRAINING, teacher=lambda _, ridge=ridge: ridge)
        scores = {name: heads.confident(head(z[rows])) for name, head in (("ridge", ridge), ("self-trained", taught))}
        said = {name: allocate(one, class_factors(one, 0.5)).argmax(1) for name, one in scores.items()}
        both = np.concatenate([labelled.z, z[rows]])
        said["nearest"] = labelled.y[nearest_rows(z[rows], labelled.z)]
        for neighbours, alpha in SPREADING:
            model = LabelSpreading(kernel="knn", n_neighbors=neighbours, alpha=alpha, max_iter=1000, tol=1e-9)
            model.fit(both, np.concatenate([labelled.y, np.full(len(rows), -1)]))
            said[f"spreading {neighbours}, {alpha}"] = model.transduction_[len(own) :]
        shots = SimpleNamespace(images=labelled.z, labels=labelled.y, classes=known.classes)
        said["head"] = HeadLabelling().fit(shots, z[rows], _Features())(z[rows])  # type: ignore[arg-type]
        said["ensemble"] = labels
        for name, one in said.items():
            found.setdefault(name, []).append(round(float((one != known.train_labels[rows]).mean()), 5))
    return {"errors": found}


class _Features:
    """An encoder of images that are features already."""

    key = "features"

    def encode(self, images: np.ndarray) -> np.ndarray:
        return images


def table() -> list[str]:
    """Wrong labels in %, and the paired differences from the ensemble's."""
    errors = {line["asked"]["target"]: line["errors"] for line in FILE.all()}
    lines = head("wrong labels, %", (*TARGETS, MEAN))
    base = {t: np.array(errors[t]["ensemble"]) for t in TARGETS}
    lines.append(row("**ensemble of networks**", [*(percent(base[t]) for t in TARGETS), ""]))
    for name, words in WAYS.items():
        lines.append(against(words, {t: np.array(errors[t][name]) for t in TARGETS}, base))
    return lines


def main() -> None:
    FILE.fill([({"target": target}, measured, (target,)) for target in TARGETS], jobs=1)
    fill(PAGE, [("pseudo-labels", table)])


if __name__ == "__main__":
    main()
