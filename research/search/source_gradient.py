"""Does the derivative of the shots' error in the sources' weights tell which mixture is best? Kendall's tau.

    python -m research.search.source_gradient [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 2]

Final errors are those of predictors.py (twenty mixtures a target and seed, trained for 1,000 steps, 5 shots), and so
is the closed form that stands beside it. Results: reports/data/source_gradient.jsonl, reports/curation.md.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from scipy.stats import kendalltau, rankdata

from geosearch.curation.curated_mixture import source_gradient
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, MIXTURES, candidates, ground
from research.transfer.predictors import FOLDER
from research.transfer.regimes import ADAPTATIONS


def taus(target: str, seed: int) -> dict[str, Any]:
    """Kendall's tau of the linear score, of the closed form, and of their mean rank, with the final errors."""
    own = ground(target, seed).prepared
    weights = list(candidates(target, seed).values())
    gradient = source_gradient(own.anchors, own.target.shots)
    linear = np.array([one.array for one in weights]) @ gradient
    closed = np.array([own.hull.distance(one) for one in weights])
    scores = {"gradient": linear, "closed form": closed, "both": rankdata(linear) + rankdata(closed)}
    found = {}
    for adaptation in ADAPTATIONS:
        final = finals(target, seed, adaptation)
        found[adaptation] = {name: float(kendalltau(score, final).statistic) for name, score in scores.items()}
    return {"tau": found, "gradient": gradient.tolist()}


def finals(target: str, seed: int, adaptation: str) -> np.ndarray:
    """Final errors of the twenty mixtures."""
    errors = {
        line["asked"]["mixture"]: line["errors"][adaptation][line["shots"].index(5)]
        for line in Lines(FOLDER / "regimes.jsonl").all()
        if (line["asked"]["target"], line["asked"]["seed"], line["asked"]["steps"]) == (target, seed, LONG)
        and 5 in line["shots"]
    }
    return np.array([errors[i] for i in range(MIXTURES)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    lines = Lines(FOLDER / "source_gradient.jsonl")
    asked = [(target, seed) for seed in range(options.seeds) for target in options.targets]
    lines.fill([({"target": t, "seed": s}, taus, (t, s)) for t, s in asked], jobs=options.jobs)
    for adaptation in ADAPTATIONS:
        found = [(line["asked"]["target"], line["tau"][adaptation]) for line in lines.all()]
        for name in ("gradient", "closed form", "both"):
            mean, half = over_targets((target, tau[name]) for target, tau in found)
            print(f"{adaptation}, {name}: tau {mean:+.2f} ± {half:.2f} ({len(found)} cells)")
        mean, half = over_targets((target, tau["gradient"] - tau["closed form"]) for target, tau in found)
        print(f"{adaptation}, gradient minus closed form: {mean:+.2f} ± {half:.2f}")


if __name__ == "__main__":
    main()
