"""What could better pseudo-labels still gain? The objective's rank agreement under labels that are right more often.

    python -m research.transfer.label_ceiling [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 3]

The objective (episodes) counts errors against the pseudo-labels of the reference. Here the 20 mixtures of
predictors.py are ranked once more: with the labels of a network that was pretrained on the cloud, with those of several
networks together, and with the true ones, which nobody has. The networks and
final errors are those of predictors.py, which comes first. Results: reports/data/label_ceiling.jsonl. Needs
$GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.linear_probe import LinearProbe
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, MIXTURES, SHORT, Cell, ground, refined

FOLDER = Path(__file__).parents[2] / "reports" / "data"
REFINED, SEVERAL, TRUE = "of one network", f"of the {TEACHERS} best networks together", "true"
ADAPTATION = "linear-probe"  # under which final errors are taken


def agreement(target: str, seed: int) -> dict[str, Any]:
    """Share of right labels, tau of the objective with the final error, and regret in points, for each kind."""
    parts = ground(target, seed).prepared.target
    reference, held_out = refined(target, seed)
    images = reference.concatenate(held_out)
    networks = [Cell(target, seed, index).network(SHORT) for index in range(MIXTURES)]

    def errors(labels: np.ndarray) -> np.ndarray:
        known = parts.shots.concatenate(replace(images, labels=labels))
        return np.array([Episodes().score(network, known, 0).squared_error for network in networks])

    head = LinearProbe(augmentation=ground(target, seed).recipe.augmentation)
    best = errors(images.labels).argsort()[:TEACHERS]
    votes = [head.fit(networks[i], parts.shots, seed).predict(images.images) for i in best]
    rows = np.concatenate([parts.rows["reference"], parts.rows["held_out"]])
    truth = ground(target, seed).prepared.train.labels[rows]
    final = final_errors(target, seed)
    found = {}
    for name, labels in {REFINED: images.labels, SEVERAL: np.mean(votes, axis=0).argmax(1), TRUE: truth}.items():
        scores = errors(labels)
        found[name] = {
            "right": float((labels == truth).mean()),
            "tau": float(kendalltau(scores, final).statistic),
            "regret": float(final[scores.argmin()] - final.min()),
        }
    return {"labels": found, "best network right": float((votes[0].argmax(1) == truth).mean())}


def final_errors(target: str, seed: int) -> np.ndarray:
    """Test errors in % of the mixtures after the long recipe, 5 shots (20,)."""
    known = {}
    for line in Lines(FOLDER / "regimes.jsonl").all():
        asked = line["asked"]
        if (asked["target"], asked["seed"], asked["steps"]) == (target, seed, LONG) and 5 in line["shots"]:
            known[asked["mixture"]] = 100 * line["errors"][ADAPTATION][line["shots"].index(5)]
    return np.array([known[index] for index in range(MIXTURES)])


def table(folder: Path) -> list[str]:
    """Markdown: a row for each kind of labels, means over targets and seeds."""
    lines = Lines(folder / "label_ceiling.jsonl").all()
    if not lines:
        return []
    rows = ["| labels | right, % | tau | regret, points |", "| --- | --- | --- | --- |"]
    for name in (REFINED, SEVERAL, TRUE):
        right, tau, regret = (np.mean([line["labels"][name][k] for line in lines]) for k in ("right", "tau", "regret"))
        rows.append(f"| {name} | {100 * right:.0f} | {tau:+.2f} | {regret:.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    asked = [(target, seed) for seed in range(options.seeds) for target in options.targets]
    Lines(FOLDER / "label_ceiling.jsonl").fill(
        [({"target": target, "seed": seed}, agreement, (target, seed)) for target, seed in asked], jobs=options.jobs
    )
    print("\n".join(table(FOLDER)))


if __name__ == "__main__":
    main()
