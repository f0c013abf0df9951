"""Better pseudo-labels for the reference: how right are they, and what do they change in the end?

    python -m research.transfer.pseudo_labels [--targets mnist fashion_mnist kmnist mnist_m] [--seeds 1]

The reference's labels steer the plans (label distance) and so the anchors. Each way of guessing them from 5 shots a
class is scored against the true labels; then anchors are made from each, and three mixtures are trained on for 1,000
steps. "true labels" is the bound that no guess can pass; "ensemble" is what studies do by default. Results:
reports/data/pseudo_labels.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.semi_supervised import LabelSpreading

from geosearch import seeds
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network, lengthen
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.adaptation.ridge import RidgeHead
from geosearch.config.build import build_refinement
from geosearch.data.collection import load_collection
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.baselines import CLOUD, POOLED, UNIFORM
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.train import pretrain
from geosearch.pseudo_labels.nearest import nearest_rows
from geosearch.runtime.cache import Cache
from geosearch.study.baselines import build_baselines
from geosearch.study.prepare import Prepared
from research.common.lines import Lines
from research.common.mixtures import LONG, SHORT, ground, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
WAYS = (
    "nearest shot, pixels",
    "nearest shot, source network",
    "spreading, source network",
    "few-shot network",
    "refined, linear probe",
    "refined, fine-tuned",
    "refined, better of two",
    "ensemble, not balanced",
    "ensemble",
    "true labels",
)
ROWS = (CLOUD, UNIFORM, POOLED)
TARGETS = ("mnist", "fashion_mnist", "kmnist", "mnist_m")


def guessed(way: str, target: str, seed: int, cache: Cache) -> np.ndarray:
    """Labels (n,) of the reference; networks that they rest on are kept in the cache."""
    own = ground(target, seed)
    prepared = own.prepared
    shots, reference, encoder = prepared.target.shots, prepared.target.reference, prepared.anchors.encoder
    if way == "true labels":
        return prepared.train.labels[prepared.target.rows["reference"]]
    if way == "nearest shot, pixels":
        pixels = PixelEncoder()
        return shots.labels[nearest_rows(pixels.encode(reference.images), pixels.encode(shots.images))]
    if way == "nearest shot, source network":
        return reference.labels
    if way == "spreading, source network":
        codes = np.concatenate([encoder.encode(shots.images), encoder.encode(reference.images)])
        known = np.concatenate([shots.labels, np.full(len(reference), -1)])
        found = LabelSpreading(kernel="knn", n_neighbors=7, alpha=0.5, max_iter=200).fit(codes, known)
        return np.asarray(found.transduction_[len(shots) :])
    if way == "few-shot network":
        recipe = own.recipe.scaled(LONG)
        few_shot = lengthen(FineTuning(augmentation=recipe.augmentation), recipe)
        return few_shot.fit(fresh_network(shots, recipe, seed), shots, seed).predict(reference.images).argmax(1)
    cloud, pooled = (Mixture(prepared.anchors, build_baselines(prepared)[row]) for row in (CLOUD, POOLED))
    if way.startswith("ensemble") or way == "refined, better of two":
        refinement = build_refinement(study_file(target, seed, "ensemble" if way.startswith("ensemble") else "refined"))
        assert refinement is not None
        balance = 0.0 if way != "ensemble" else refinement.balance
        m = len(prepared.anchors.sources)
        singles = [Mixture(prepared.anchors, Weights.single(i, m)) for i in range(m)] if refinement.members > 1 else []
        seen = np.concatenate([reference.images, prepared.target.held_out.images])
        found = replace(refinement, balance=balance).fit([cloud, pooled, *singles], shots, seen, seed=seed, cache=cache)
        return found(reference.images)
    network = pretrain(cloud, own.recipe.scaled(SHORT), seeds.integer(seed, "refined"))
    adaptation = {"linear probe": LinearProbe, "fine-tuned": FineTuning}[way.removeprefix("refined, ")]
    how = adaptation(augmentation=own.recipe.augmentation)
    return how.fit(network, shots, seed).predict(reference.images).argmax(1)


def outcome(way: str, target: str, seed: int) -> dict[str, Any]:
    """How many labels are right, what they cost, and the test errors of three mixtures of the anchors they make."""
    own = ground(target, seed)
    with TemporaryDirectory() as empty:  # what another run left in the common cache would take no time
        start = time.perf_counter()
        labels = guessed(way, target, seed, Cache(Path(empty)))
        seconds = time.perf_counter() - start
    truth = guessed("true labels", target, seed, Cache.default())
    prepared = relabelled(own.prepared, labels, target, seed)
    errors: dict[str, dict[str, float]] = {}
    head = LinearProbe(augmentation=own.recipe.augmentation)
    for row in ROWS:
        mixture = Mixture(prepared.anchors, build_baselines(prepared)[row])
        network = pretrain(mixture, own.recipe.scaled(LONG), seeds.integer(seed, "outcome"))
        errors[row] = {
            name: own.wrong(adaptation.fit(network, prepared.target.shots, seed).predict(prepared.target.test_images))
            for name, adaptation in {"ridge": RidgeHead(), "linear-probe": head}.items()
        }
    return {"accuracy": float((labels == truth).mean()), "seconds": seconds, "errors": errors}


def relabelled(prepared: Prepared, labels: np.ndarray, target: str, seed: int) -> Prepared:
    """The same target with other labels on its reference, its maps fitted anew."""
    reference = replace(prepared.target.reference, labels=labels)
    sources = load_collection(**study_file(target, seed).domain.collection, seed=seed).sources
    anchors = build_anchors(reference, sources, prepared.anchors.encoder, cache=Cache.default(), seed=seed)
    return replace(
        prepared, target=replace(prepared.target, reference=reference), anchors=anchors, hull=Hull.of(anchors)
    )


def table(lines: list[dict[str, Any]]) -> list[str]:
    """Markdown: for every way, the right labels and the test error (linear probe; cloud, pooled union), by target."""
    if not lines:
        return []
    targets = list(dict.fromkeys(line["asked"]["target"] for line in lines))
    rows = ["| labels | " + " | ".join(targets) + " | seconds |", "| --- " * (2 + len(targets)) + "|"]
    for way in WAYS:
        cells, seconds = [], []
        for target in targets:
            found = [line for line in lines if {"target": target, "labels": way}.items() <= line["asked"].items()]
            seconds += [line["seconds"] for line in found]
            right = 100 * np.mean([line["accuracy"] for line in found])
            errors = [100 * np.mean([line["errors"][row]["linear-probe"] for line in found]) for row in (CLOUD, POOLED)]
            cells.append(f"{right:.0f}; {errors[0]:.1f}, {errors[1]:.1f}" if found else "")
        rows.append(f"| {way} | " + " | ".join(cells) + f" | {np.median(seconds):.0f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    Lines(FOLDER / "pseudo_labels.jsonl").fill(
        [
            ({"target": target, "seed": seed, "labels": way}, outcome, (way, target, seed))
            for seed in range(options.seeds)
            for target in options.targets
            for way in WAYS
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
