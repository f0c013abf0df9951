"""Where does the choice of the data pay? Test errors over 20 mixtures, for several shots, adaptations, and lengths.

    python -m research.transfer.regimes [--targets mnist usps fashion_mnist kmnist] [--seeds 2]

Every mixture of `research/common/mixtures.py` is trained on for 300, 1,000 and 3,000 steps; each network is put to
work on 1, 2, 5 and 20 shots a class in three ways. After the first seed only seven of the mixtures are trained on
again: they tell the noise, and which of them is best is chosen on one seed and measured on another. Results:
reports/data/regimes.jsonl; the same command goes on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import LENGTH, fixed_features, fresh_network, lengthen
from geosearch.adaptation.ridge import RidgeHead
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import build_adaptations
from geosearch.runtime.cache import Cache, content_key
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, MIXTURES, SHORT, Cell, cells, ground, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
SHOTS = (1, 2, 5, 20)
STEPS = (SHORT, LONG, 3000)
TARGETS = GREY[:4]
ADAPTATIONS = ("ridge", "linear-probe", "fine-tune")
SCRATCH = "no pretraining"
SCRATCH_STEPS = (SHORT, LONG)  # it is tuned up to half as long again; pretraining of 3,000 steps is compared with LONG
POOLED = 4  # place of the pooled union among the mixtures
AGAIN = (0, 1, 2, 3, POOLED, 6, 9)  # single sources, pooled union, projection as a cloud, a random point


def errors(cell: Cell, steps: int, shots: Sequence[int]) -> dict[str, Any]:
    """Test errors in [0, 1] of one network: adaptation -> one for each number of shots."""
    start = time.perf_counter()
    network = cell.network(steps)
    trained, found = time.perf_counter(), {}
    images = cell.ground.prepared.target.test_images
    for name in ADAPTATIONS:
        adaptation = _adaptation(cell, name)
        found[name] = [
            cell.ground.wrong(adaptation.fit(network, cell.ground.shots(count), cell.seed).predict(images))
            for count in shots
        ]
    seconds = {"pretraining": trained - start, "adaptations": time.perf_counter() - trained}
    return {"shots": list(shots), "errors": found, "seconds": seconds}


def scratch(target: str, seed: int, steps: int, shots: Sequence[int]) -> dict[str, Any]:
    """Test errors without pretraining: frozen, the better of pixels and an untrained network; trained, tuned shots."""
    own = ground(target, seed)
    images, found = own.prepared.target.test_images, {"ridge": [], "fine-tune": []}
    for count in shots:
        few = own.shots(count)
        recipe = own.recipe.scaled(steps)
        ridge = RidgeHead().fit(fixed_features(few, recipe, seed), few, seed)
        found["ridge"].append(own.wrong(ridge.predict(images)))
        start, default = (
            fresh_network(few, recipe, seed),
            lengthen(FineTuning(augmentation=recipe.augmentation), recipe),
        )
        key = content_key("fresh", recipe=recipe.key, seed=seed)
        tuned = Tuner(longest=round(LENGTH * steps)).tune(
            default, lambda start=start: start, few, seed, key=key, cache=Cache.default(), is_trained=False
        )
        found["fine-tune"].append(own.wrong(tuned.adaptation.fit(start, few, seed).predict(images)))
    return {"shots": list(shots), "errors": {**found, "linear-probe": found["ridge"]}}


def _adaptation(cell: Cell, name: str) -> Any:
    return build_adaptations(study_file(cell.target, cell.seed, recipe={"adaptation": name}))[name]


def tasks(targets: Sequence[str], seed_count: int) -> list[Any]:
    """What there is to do, in the order in which it tells most."""
    asked: list[Any] = []
    for seed in range(seed_count):
        for target in targets:
            for length in SCRATCH_STEPS:
                key = {"target": target, "seed": seed, "mixture": SCRATCH, "steps": length}
                asked.append(({**key, "shots": SHOTS[-1]}, scratch, (target, seed, length, SHOTS)))
    for cell in cells(targets, seed_count):
        if cell.seed == 0 or cell.index in AGAIN:
            for length in STEPS:
                key = {"target": cell.target, "seed": cell.seed, "mixture": cell.index, "steps": length}
                asked.append(({**key, "shots": SHOTS[-1]}, errors, (cell, length, SHOTS)))
    return asked


@dataclass(frozen=True)
class Regime:
    """One way of working: how much the choice of the mixture changes in it. All in points of test error.

    Attributes:
        spread: standard deviation over the 20 mixtures, first seed.
        noise: standard deviation of one mixture over the seeds, what all mixtures share taken out.
        over_scratch: error without pretraining minus error of the best mixture, chosen on one seed and measured on
            another, averaged over both ways round.
        over_pooled: the same against the pooled union.
    """

    spread: float
    noise: float
    over_scratch: float
    over_pooled: float


def regime(lines: Sequence[dict[str, Any]], target: str, steps: int, adaptation: str, shots: int) -> Regime:
    """From the lines of regimes.jsonl."""
    found: dict[tuple[int, int | str], float] = {}
    for line in lines:
        asked = line["asked"]
        length = min(steps, SCRATCH_STEPS[-1]) if asked["mixture"] == SCRATCH else steps
        if asked["target"] == target and asked["steps"] == length and shots in line["shots"]:
            error = 100 * line["errors"][adaptation][line["shots"].index(shots)]
            found[asked["seed"], asked["mixture"]] = error
    spread = float(np.std([found[0, i] for i in range(MIXTURES)], ddof=1))
    seen = sorted({seed for seed, _ in found if {(seed, mixture) for mixture in (*AGAIN, SCRATCH)} <= found.keys()})
    table = np.array([[found[seed, i] for i in AGAIN] for seed in seen])  # (seeds, mixtures)
    if len(seen) < 2:
        return Regime(spread, float("nan"), float("nan"), float("nan"))
    rest = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    noise = np.sqrt((rest**2).sum() / ((len(seen) - 1) * (len(AGAIN) - 1)))
    gains = []
    for left_out in range(len(seen)):
        best = np.delete(table, left_out, 0).mean(0).argmin()
        scratch_error, pooled = found[seen[left_out], SCRATCH], table[left_out, AGAIN.index(POOLED)]
        gains.append([scratch_error - table[left_out, best], pooled - table[left_out, best]])
    over_scratch, over_pooled = np.mean(gains, axis=0)
    return Regime(spread, float(noise), float(over_scratch), float(over_pooled))


def table(lines: Sequence[dict[str, Any]], targets: Sequence[str], lengths: Sequence[int] = STEPS) -> list[str]:
    """Markdown: spread / noise, and the two gains, for every regime; a row for each adaptation and length."""
    rows = [
        "| target | adaptation | steps | " + " | ".join(f"{count} shot{'s' * (count > 1)}" for count in SHOTS) + " |"
    ]
    rows.append("| --- " * (3 + len(SHOTS)) + "|")
    for target in targets:
        for adaptation in ADAPTATIONS:
            for steps in lengths:
                cellwise = []
                for count in SHOTS:
                    one = regime(lines, target, steps, adaptation, count)
                    cellwise.append(
                        f"{one.spread:.1f} / {one.noise:.1f}; {one.over_scratch:+.1f}, {one.over_pooled:+.1f}"
                    )
                rows.append(f"| {target} | {adaptation} | {steps} | " + " | ".join(cellwise) + " |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    kept = Lines(FOLDER / "regimes.jsonl")
    if not options.table:
        kept.fill(tasks(options.targets, options.seeds), jobs=options.jobs)
    print("\n".join(table(kept.all(), options.targets)))


if __name__ == "__main__":
    main()
