"""Does searching for the data set pay, and against which baselines? Whole studies on real sets, several cuts of each.

    python benchmarks/transfer.py [--targets mnist usps fashion_mnist kmnist az_letters mnist_m] [--seeds 5]
    python benchmarks/transfer.py --quick

One study for each target and seed; a seed decides which shots, which reference, which weights of the networks. Each
is the product's own search with its own confirmation, plus rows that no study has. Sources are the other four of
mnist, usps, fashion_mnist, kmnist, az_letters. Results are added line by line to reports/transfer.jsonl, so the same
command goes on where it stopped; the tables are printed from that file. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from geosearch import seeds
from geosearch.config import StudyFile, parse_study
from geosearch.domain.embed import PixelEncoder
from geosearch.domain.fewshot import nearest
from geosearch.evaluate.few_shot import few_shot
from geosearch.evaluate.recipe import NO_AUGMENTATION
from geosearch.options import recipe_of
from geosearch.pipeline import Study
from geosearch.search.objective import one_thread
from geosearch.search.verdict import BEST

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GEOSEARCH_DATA", ROOT.parent / "shared" / "data"))
GREY = ("mnist", "usps", "fashion_mnist", "kmnist", "az_letters")
TARGETS = (*GREY, "mnist_m")
NEAREST = "nearest shot, pixels"
PLAIN = "few shots, no augmentation"


@dataclass(frozen=True)
class Entry:
    """One row of one study: its test errors in [0, 1] under each adaptation."""

    target: str
    seed: int
    row: str
    errors: dict[str, float]
    seconds: float
    settings: str

    @property
    def key(self) -> tuple[str, int, str]:
        return self.target, self.seed, self.settings


def study_file(target: str, seed: int, *, quick: bool) -> StudyFile:
    """The study of one target and one seed: every default but what makes it shorter."""
    return parse_study(
        {
            "study": {"name": f"transfer-{target}-{seed}", "seed": seed},
            "domain": {
                "target": f"npz:{DATA / target}.npz",
                "sources": [f"npz:{DATA / source}.npz" for source in GREY if source != target][:4],
                "channels": 3 if target == "mnist_m" else 1,
                "margin": "match",
                "test": 5000,
            },
            "search": {"evaluations": 16 if quick else 25, "finalists": 4},
            "recipe": {"steps": 60 if quick else 300, "long_steps": 120 if quick else 600},
            "confirm": {"seeds": 1, "export": 1},
        }
    )


def settings_of(file: StudyFile) -> str:
    """What two entries must share to be compared."""
    return f"{file.search.evaluations} evaluations, {file.recipe.steps}/{file.recipe.long_steps} steps"


def entries(target: str, seed: int, file: StudyFile, folder: Path) -> Iterator[Entry]:
    """Run one study to its end and give all its rows."""
    study = Study.open(file, storage=f"sqlite:///{folder / file.study.name}.db")
    confirmation = study.run()
    settings = settings_of(file)
    for row in confirmation.rows:
        errors = {name: values[0] for name, values in row.top1_errors.items()}
        yield Entry(target, seed, named(row.name), errors, row.wall_seconds, settings)
    kept, prepared = study.best, study.prepared
    yield Entry(
        target,
        seed,
        "(weights of the best mixture)",
        dict(zip(study.source_names, kept.weights, strict=True)),
        0,
        settings,
    )
    truth = prepared.target.test_labels.reveal()

    def scored(row: str, predict: Any) -> Entry:
        start = time.perf_counter()
        wrong = float((predict() != truth).mean())
        errors = dict.fromkeys(confirmation.adaptations, wrong)
        return Entry(target, seed, row, errors, time.perf_counter() - start, settings)

    shots, images = prepared.target.shots, prepared.target.test_images
    pixels = PixelEncoder()
    yield scored(NEAREST, lambda: shots.labels[nearest(pixels.encode(images), pixels.encode(shots.images))])
    recipe = recipe_of(file).scaled(file.recipe.long_steps)
    plain = type(recipe)(network=recipe.network, steps=recipe.steps, batch=50, augmentation=NO_AUGMENTATION)
    with one_thread():
        yield scored(PLAIN, lambda: few_shot(shots, plain, seeds.integer(seed, PLAIN)).predict(images).argmax(1))


def named(row: str) -> str:
    """Rows that are the same thing for every target get one name."""
    return "single sources" if row.startswith("single: ") else row


def table(found: list[Entry], target: str, adaptation: str) -> list[str]:
    """Mean and spread over the seeds, and the paired difference of the search to each row."""
    rows: dict[str, dict[int, list[float]]] = {}
    for entry in found:
        if entry.target == target and adaptation in entry.errors:
            rows.setdefault(entry.row, {}).setdefault(entry.seed, []).append(100 * entry.errors[adaptation])
    rows["best single source (chosen by test error)"] = {s: [min(v)] for s, v in rows["single sources"].items()}
    rows["single sources, mean"] = {s: [float(np.mean(v))] for s, v in rows.pop("single sources").items()}
    lines = []
    for row, by_seed in sorted(rows.items(), key=lambda one: np.mean([v[0] for v in one[1].values()])):
        values = np.array([v[0] for v in by_seed.values()])
        gaps = np.array([rows[BEST][s][0] - by_seed[s][0] for s in by_seed])
        spread = values.std(ddof=1) if len(values) > 1 else float("nan")
        half = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.inf
        outcome = "tie" if abs(gaps.mean()) <= half else "better" if gaps.mean() < 0 else "worse"
        shown = f"{values.mean():.1f}" + (f" ± {spread:.1f}" if len(values) > 1 else "")
        against = f"{gaps.mean():+.1f}" + (f" ± {half:.1f}" if len(gaps) > 1 else " (one seed)")
        lines.append(f"| {row} | {shown} | {against} | {outcome} |" if row != BEST else f"| **{row}** | {shown} | | |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one seed, short recipes: a minute or two a target")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "transfer.jsonl")
    parser.add_argument("--studies", type=Path, default=ROOT / "studies" / "transfer", help="where databases lie")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    if options.quick:
        options.studies = options.studies / "quick"
        options.seeds, options.out = 1, options.studies / "results.jsonl"
    options.studies.mkdir(parents=True, exist_ok=True)
    found = [Entry(**json.loads(line)) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    for seed in range(0 if options.table else options.seeds):
        for target in options.targets:
            file = study_file(target, seed, quick=options.quick)
            if (target, seed, settings_of(file)) in {entry.key for entry in found}:
                continue
            start = time.perf_counter()
            new = list(entries(target, seed, file, options.studies))
            with options.out.open("a") as out:
                out.writelines(json.dumps(entry.__dict__) + "\n" for entry in new)
            found += new
            print(f"{target}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    for target in options.targets:
        for adaptation in ("ridge", "fine-tune"):
            seen = sorted({entry.seed for entry in found if entry.target == target})
            if seen:
                print(f"\n{target}, {adaptation}, test error in % over seeds {seen}\n")
                print("| row | error | search minus row | the search is |\n| --- | --- | --- | --- |")
                print("\n".join(table(found, target, adaptation)))


if __name__ == "__main__":
    main()
