"""Are the probabilities right as often as they say, before and after the temperature?

    python -m research.model.calibration [--draws 4]

Small networks, pretrained on the other three sets, get 3, 5 or 20 labels a class of mnist, usps, kmnist or
fashion_mnist. The sharpness of ridge heads and the prior of the temperature are chosen on mnist and fashion_mnist, and
checked on the others. Results: reports/model.md, reports/data/model-calibration.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from geosearch import seeds
from geosearch.adaptation.cross_validation import stratified_folds
from geosearch.model.calibration import expected_calibration_error, fit_temperature, negative_log_likelihood
from geosearch.model.module import SHARPNESS, as_module
from geosearch.model.trained_model import read_out
from research.common.lines import Lines
from research.common.page import fill
from research.model.networks import ADAPTATIONS, GLYPHS, draw, network, read

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "model-calibration.jsonl")
CHOSEN = ("mnist", "fashion_mnist")
SHOTS = (3, 5, 20)
SPREADS = (0.25, 0.5, 1.0, 100.0)
SHARPER = (5.0, 10.0, 20.0)  # of ridge heads


def measure(target: str, adaptation: str, shots: int, number: int) -> dict[str, Any]:
    """Errors of calibration on test images: unscaled, and for each sharpness and prior."""
    labelled, _ = draw(target, shots, number)
    test, start, how = read(target, "test"), network(target), ADAPTATIONS[adaptation]
    logits, _ = read_out(as_module(how.fit(start, labelled, number)), test.images)
    apart = np.zeros((len(labelled), len(labelled.classes)))
    for fit_rows, rows in stratified_folds(labelled.labels, 3, seeds.stream(number, "calibration")):
        module = as_module(how.fit(start, labelled.take(fit_rows), number))
        apart[rows] = read_out(module, labelled.images[rows])[0]
    found: dict[str, Any] = {"top1_error": float((logits.argmax(1) != test.labels).mean())}
    for sharp in SHARPER if adaptation == "ridge" else (SHARPNESS,):
        factor = sharp / SHARPNESS
        scaled, own = factor * logits.astype(float), factor * apart
        temperatures = {"none": 1.0} | {
            str(spread): fit_temperature(own, labelled.labels, spread) for spread in SPREADS
        }
        for name, temperature in temperatures.items():
            probabilities = softmax(scaled / temperature, axis=1)
            found[f"{sharp:g}/{name}"] = {
                "temperature": temperature,
                "ece": expected_calibration_error(probabilities, test.labels),
                "nll": negative_log_likelihood(scaled, test.labels, temperature),
            }
    return found


def mean(targets: Sequence[str], adaptation: str, shots: int, key: str, what: str) -> float:
    values = [
        line[key][what]
        for line in LINES.all()
        if line["asked"]["target"] in targets
        and (line["asked"]["adaptation"], line["asked"]["shots"]) == (adaptation, shots)
    ]
    return float(np.mean(values)) if values else float("nan")


def choices() -> list[str]:
    """Means on the sets that the settings are chosen on."""
    rows = [
        "| head, sharpness | labels a class | " + " | ".join(["no temperature", *(f"prior {s:g}" for s in SPREADS)])
    ]
    rows[0] += " |"
    rows.append("| --- " * (3 + len(SPREADS)) + "|")
    for adaptation, sharp in [*(("ridge", sharp) for sharp in SHARPER), ("fine-tune", SHARPNESS)]:
        for shots in SHOTS:
            keys = [f"{sharp:g}/{name}" for name in ("none", *map(str, SPREADS))]
            cells = [
                f"{100 * mean(CHOSEN, adaptation, shots, key, 'ece'):.1f} / "
                f"{mean(CHOSEN, adaptation, shots, key, 'nll'):.2f}"
                for key in keys
            ]
            name = f"ridge, {sharp:g}" if adaptation == "ridge" else "fine-tuned"
            rows.append(f"| {name} | {shots} | {' | '.join(cells)} |")
    return rows


def results() -> list[str]:
    """Every target, before and after, at the defaults."""
    from geosearch.model.calibration import SPREAD

    rows = ["| target | labels a class | ridge: before | after | fine-tuned: before | after |", "| --- " * 6 + "|"]
    for target in GLYPHS:
        for shots in SHOTS:
            cells = [
                f"{100 * mean([target], adaptation, shots, f'{SHARPNESS:g}/{name}', 'ece'):.1f}"
                for adaptation in ADAPTATIONS
                for name in ("none", str(SPREAD))
            ]
            star = "" if target in CHOSEN else " (check)"
            rows.append(f"| {target}{star} | {shots} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    tasks = [
        (
            {"target": target, "adaptation": adaptation, "shots": shots, "draw": number},
            measure,
            (target, adaptation, shots, number),
        )
        for target in GLYPHS
        for number in range(given.draws)
        for adaptation in ADAPTATIONS
        for shots in SHOTS
    ]
    LINES.fill(tasks, jobs=given.jobs)
    fill(REPORTS / "model.md", [("calibration choices", choices), ("calibration", results)])


if __name__ == "__main__":
    main()
