"""Does a mixture pretrain better without the rows that harm the shots, or with rows that are weighed? Test errors.

    python -m research.curation.curated_mixture [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 3]

The mixture is the cloud around the hull's projection, 5 shots, the short recipe. Results:
reports/data/curated_mixture.jsonl, reports/curation.md.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.ridge import RidgeHead
from geosearch.curation.curated_mixture import curate_mixture, reweight_mixture
from geosearch.mixture.baselines import CLOUD
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain
from research.common.intervals import over_targets
from research.common.lines import Lines
from research.common.mixtures import GREY, candidates, ground
from research.transfer.predictors import FOLDER

WAYS = ("curated", "reweighted")


def outcome(target: str, seed: int) -> dict[str, Any]:
    """Test errors in points of a ridge head after pretraining on the mixture, its helpful rows, its weighed rows."""
    own = ground(target, seed)
    anchors, parts = own.prepared.anchors, own.prepared.target
    weights = candidates(target, seed)[CLOUD]
    helped = curate_mixture(anchors, weights, parts.shots)
    used = np.concatenate([helped.rows[i].ravel() for i in weights.support])
    found = {"kept": float((used > 0).mean())}
    weighed = reweight_mixture(anchors, weights, parts.shots)
    for name, mixture in {"whole": Mixture(anchors, weights), "curated": helped, "reweighted": weighed}.items():
        network = pretrain(mixture, own.recipe, seeds.integer(seed, "curated"))
        head = RidgeHead().fit(network, parts.shots, seed)
        found[name] = 100 * own.wrong(head.predict(parts.test_images))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    lines = Lines(FOLDER / "curated_mixture.jsonl")
    asked = [(target, seed) for seed in range(options.seeds) for target in options.targets]
    lines.fill([({"target": t, "seed": s}, outcome, (t, s)) for t, s in asked], jobs=options.jobs)
    for line in lines.all():
        changes = " / ".join(f"{line[name]:.1f}" for name in ("whole", *WAYS))
        print(f"{line['asked']}: {changes}, {100 * line['kept']:.0f} % of rows kept")
    for name in WAYS:
        gaps = [(line["asked"]["target"], line[name] - line["whole"]) for line in lines.all()]
        mean, half = over_targets(gaps)
        print(f"{name} minus whole: {mean:+.2f} ± {half:.2f} points ({len(gaps)} pairs, interval over targets)")


if __name__ == "__main__":
    main()
