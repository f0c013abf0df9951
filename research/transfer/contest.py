"""Does searching for the data set pay, and against which baselines? Whole studies on real sets, several cuts of each.

    python -m research.transfer.contest [--targets mnist usps fashion_mnist kmnist az_letters mnist_m] [--seeds 5]
                                 [--shots 5 2] [--size 16] [--balance B] [--rows ...] [--rows-only]

One study for each target, seed and number of shots; a seed decides which shots, which reference, which weights of the
networks. Each is the product's own search with its own confirmation, plus rows that no study has, the dearest of them
on some targets and seeds only, and the controls, which need no search. Results: a line for each study in
reports/data/contest.jsonl, for each further row in contest_rows.jsonl; the same command goes on where it stopped.
Seconds of a row are those of all three ways to adapt, its search not included. `--size 28` and `--balance 1` have lines
of their own, to tell what the small images cost, and what it gains to know that classes are equally frequent.
`--rows-only` runs no study but those that a row needs. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.from_scratch import fresh_network, lengthen
from geosearch.config.build import build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.base import Candidate
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS, EnsembleTeacher
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.confirm import Confirmer
from geosearch.confirmation.controls import CONTROLS
from geosearch.confirmation.row import BEST
from geosearch.confirmation.variants import EnsembleTeacherVariant, row_name
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.baselines import POOLED
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.pseudo_labels.nearest import nearest_rows
from geosearch.runtime.result_cache import Evaluation
from geosearch.study.baselines import build_baselines
from geosearch.study.build_confirmation import build_confirmer, build_control_inputs
from geosearch.study.build_search import build_objective
from geosearch.study.study import Study
from research.common.lines import Lines
from research.common.mixtures import GREY, SIZE, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
TARGETS = (*GREY, "mnist_m")
SHOTS = (5, 2)  # a class: the paper's number, and where regimes.py finds that the choice pays most
NEAREST, PLAIN = "nearest shot, pixels", "few shots, no augmentation"
NO_PROXY = "search without the proxy"  # a row of recorded studies
CONCENTRATION = "hull projection, best concentration"
POOLED_TAUGHT = "pooled union, ensemble teacher"
PROJECTION_TAUGHT = "hull projection, ensemble teacher"
NEURAL = "neural map, hull projection"
ORACLE = "oracle"
EDITION = "classes balanced"  # of the recorded studies, which are of version 0.1; the controls were run after them
CONCENTRATIONS = (0.5, 1.0, 2.0, 5.0, np.inf)


@dataclass(frozen=True)
class Extra:
    """Where a row is run that no study has; those as dear as a study only where the choice pays most."""

    targets: tuple[str, ...] = TARGETS
    seeds: int = 99
    shots: tuple[int, ...] = SHOTS


# row -> a control of the product, and what tells its row from others of the same control; they need no search
CONTROL_ROWS = {
    "committee-taught pooled union": ("committee", ""),
    "single source by the objective": ("single-source", ""),
    "single source by the objective, equal teachers": ("single-source-teachers", ""),
    "single source by OTDD": ("transferability", "OTDD"),
    "single source by LogME": ("transferability", "LogME"),
    "joint training": ("joint-training", ""),
    "pooled union, FixMatch": ("fixmatch", ""),
    "SimCLR": ("simclr", ""),
    "nearest source images": ("retrieval", ""),
    "few shots, tuned as long as a search": ("few-shots", ""),
    "weights by hypergradient": ("hypergradient", ""),
}
EXTRA = {
    **dict.fromkeys(CONTROL_ROWS, Extra()),
    PROJECTION_TAUGHT: Extra(),
    ORACLE: Extra(seeds=1, shots=SHOTS[1:]),
    NEURAL: Extra(("mnist", "usps"), 1, SHOTS[1:]),
}

Found = tuple[dict[str, float], float]  # adaptation -> test error in [0, 1]; seconds


@dataclass
class Rows:
    """What one study found: row -> adaptation -> test error in [0, 1], and the seconds that each row took."""

    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, row: str, found: Found) -> None:
        self.errors[row], self.seconds[row] = found


def contest_file(target: str, seed: int, shots: int, aside: Mapping[str, Any], *, quick: bool) -> StudyFile:
    """The study of one target, seed and number of shots: the defaults, but for image size and what makes it shorter.

    `aside`: size or balance, where they are not the contest's.
    """
    return study_file(
        target,
        seed,
        "ensemble",
        shots,
        **aside,
        search={"evaluations": 16 if quick else 25, "finalists": 4, "jobs": 1},
        recipe={"steps": 60 if quick else 300, "long_steps": 120 if quick else 1000, "adaptation": "self-train"},
        confirm={
            "seeds": 1,
            "export": 1,
            "explain": False,
            "variants": ["ensemble-teacher"],
            "controls": [],
            "tuning": 0,
        },
    )


def contest(target: str, seed: int, shots: int, aside: Mapping[str, Any], folder: Path, quick: bool) -> dict[str, Any]:
    """Run one study to its end and give all its rows."""
    study, whole = studied(contest_file(target, seed, shots, aside, quick=quick), folder)
    confirmation, rows = study.confirmation, Rows()
    assert confirmation is not None
    for row in confirmation.rows:
        rows.add(row.name, ({name: values[0] for name, values in row.top1_errors.items()}, row.wall_seconds))
    confirmer, number = build_confirmer(study.file, study.prepared, study.cache), confirmation.seeds[0]
    weights, looking = best_concentration(study)
    errors, training = confirmed(confirmer, weights, number)
    rows.add(CONCENTRATION, (errors, looking + training))
    rows.add(POOLED_TAUGHT, taught_by_its_own(confirmer, build_baselines(study.prepared)[POOLED], number))
    for row, predict in few_shot_rows(study).items():
        rows.add(row, scored(study, predict, confirmation.adaptations))
    best, file = study.best, study.file
    return {
        "errors": rows.errors,
        "seconds": {**rows.seconds, "study": whole},
        "stages": dict(study.store.record.stage_seconds),
        "sources": list(study.source_names),
        "best": {"weights": list(best.weights), "concentration": best.concentration, "pairing": best.pairing},
        "settings": f"{file.search.evaluations} evaluations, {file.recipe.steps}/{file.recipe.long_steps} steps",
    }


def extra_row(
    target: str, seed: int, shots: int, row: str, aside: Mapping[str, Any], folder: Path, quick: bool
) -> dict[str, Any]:
    """A row that no study has; the study is run first if it is not there."""
    file, number = contest_file(target, seed, shots, aside, quick=quick), seeds.integer(seed, "confirmation", 0)
    if row in CONTROL_ROWS:
        errors, seconds = control(opened(file, folder), row, number)
        return {"errors": errors, "seconds": seconds}
    study, _ = studied(file, folder)
    confirmer = build_confirmer(study.file, study.prepared, study.cache)
    if row == NEURAL:
        errors, seconds = neural(study, folder, number)
    elif row == ORACLE:
        errors, seconds = oracle(study, confirmer, number)
    else:
        errors, seconds = taught_by_its_own(confirmer, study.prepared.hull.projection(), number)
    return {"errors": errors, "seconds": seconds}


def studied(file: StudyFile, folder: Path) -> tuple[Study, float]:
    """The study at its end, and the seconds that this took now."""
    study, start = opened(file, folder), time.perf_counter()
    study.run()
    return study, time.perf_counter() - start


def opened(file: StudyFile, folder: Path) -> Study:
    """The study as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    return Study.open(file, storage=f"sqlite:///{folder / file.study.name}.db")


def control(study: Study, row: str, number: int) -> Found:
    """A control of the study, which is not searched for it."""
    start, (name, part) = time.perf_counter(), CONTROL_ROWS[row]
    errors = single_errors(study) if name.startswith("single-source") else {}
    made = CONTROLS.build(name, {}).rows(build_control_inputs(study.file, study.prepared, study.cache, errors))
    candidate = next(each.candidate for each in made if part in each.name)
    before = time.perf_counter() - start
    found, seconds = errors_of(build_confirmer(study.file, study.prepared, study.cache), candidate, number)
    return found, before + seconds


def single_errors(study: Study) -> dict[Weights, float]:
    """Validation error of every single source, as the search evaluates it."""
    m = len(study.prepared.anchors.sources)
    singles = [Weights.single(i, m) for i in range(m)]
    objective = build_objective(study.file, study.prepared, study.cache)
    results = objective.evaluate_many([(one, None, 0) for one in singles], jobs=1)
    pairs = zip(singles, results, strict=True)
    return {one: result.squared_error for one, result in pairs if isinstance(result, Evaluation)}


def confirmed(confirmer: Confirmer, weights: Weights, number: int) -> Found:
    """Test errors in [0, 1] of one mixture, as the study's own confirmation has them, and what they once took."""
    return errors_of(confirmer, Plain(Mixture(confirmer.anchors, weights)), number)


def errors_of(confirmer: Confirmer, candidate: Candidate, number: int) -> Found:
    """The same of any candidate."""
    predicted, seconds = confirmer.predictions(candidate, number)
    truth = confirmer.target.test_labels.reveal()
    return {name: float((classes != truth).mean()) for name, classes in predicted.items()}, seconds


def taught_by_its_own(confirmer: Confirmer, weights: Weights, number: int) -> Found:
    """A mixture whose teachers are several networks of itself; as many as the search has finalists."""
    mixture = Mixture(confirmer.anchors, weights)
    return errors_of(confirmer, EnsembleTeacher(mixture, others=[mixture] * (TEACHERS - 1)), number)


def best_concentration(study: Study) -> tuple[Weights, float]:
    """The projection's weights at the concentration that the study's own objective likes best; seconds."""
    values = study.prepared.hull.projection().values
    asked = [Weights.of(values, concentration=concentration) for concentration in CONCENTRATIONS]
    objective = build_objective(study.file, study.prepared, study.cache)
    found = {
        weights: result
        for weights, result in zip(
            asked, objective.evaluate_many([(weights, None, 0) for weights in asked], jobs=1), strict=True
        )
        if isinstance(result, Evaluation)
    }
    best = min(found, key=lambda weights: found[weights].squared_error)
    return best, sum(result.wall_seconds for result in found.values())


def oracle(study: Study, confirmer: Confirmer, number: int) -> Found:
    """The best by test error of all mixtures that the search evaluated, and of what it ended with."""
    assert study.confirmation is not None
    every = [confirmed(confirmer, trial.point, number) for trial in study.trials if trial.state == "complete"]
    known = [row.top1_errors for row in study.confirmation.rows if row.name in (BEST, row_name(EnsembleTeacherVariant))]
    errors = {
        name: min([*(found[name] for found, _ in every), *(own[name][0] for own in known)]) for name in every[0][0]
    }
    return errors, sum(seconds for _, seconds in every)


def neural(study: Study, folder: Path, number: int) -> Found:
    """The projection when the maps are trained networks."""
    file = study.file.model_copy(update={"transport": study.file.transport.model_copy(update={"map": "neural"})})
    twin = Study.open(file, storage=f"sqlite:///{folder / file.study.name}-neural.db")
    return confirmed(build_confirmer(twin.file, twin.prepared, twin.cache), twin.prepared.hull.projection(), number)


def scored(study: Study, predict: Callable[[], np.ndarray], adaptations: Iterable[str]) -> Found:
    """Of predicted classes (n,) that are the same under every adaptation."""
    start = time.perf_counter()
    error = float((predict() != study.prepared.target.test_labels.reveal()).mean())
    return dict.fromkeys(adaptations, error), time.perf_counter() - start


def few_shot_rows(study: Study) -> dict[str, Callable[[], np.ndarray]]:
    """Predicted classes of the test images without any source, as the paper has it."""
    shots, images = study.prepared.target.shots, study.prepared.target.test_images
    pixels, recipe = PixelEncoder(), build_recipe(study.file).scaled(study.file.recipe.long_steps)
    plain = replace(lengthen(FineTuning(augmentation=NO_AUGMENTATION), recipe), steps=recipe.steps, label_smoothing=0.0)
    seed = seeds.integer(study.file.study.seed, PLAIN)
    return {
        NEAREST: lambda: shots.labels[nearest_rows(pixels.encode(images), pixels.encode(shots.images))],
        PLAIN: lambda: plain.fit(fresh_network(shots, recipe, seed), shots, seed).predict(images).argmax(1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS), help="a class")
    parser.add_argument("--size", type=int, default=SIZE, help="of the images, in pixels")
    parser.add_argument("--balance", type=float, help="domain.balance; its default if left out")
    parser.add_argument("--quick", action="store_true", help="short recipes, few evaluations")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--studies", type=Path, default=Path("studies") / "transfer", help="where databases lie")
    parser.add_argument("--rows", nargs="*", choices=EXTRA, default=list(EXTRA), help="that no study has")
    parser.add_argument("--rows-only", action="store_true", help="leave out the studies that no row needs")
    options = parser.parse_args()
    kept = Lines((options.studies / "quick" if options.quick else FOLDER) / "contest.jsonl")
    folder = options.studies / "quick" if options.quick else options.studies
    aside: dict[str, Any] = {} if options.size == SIZE else {"size": options.size}
    aside |= {} if options.balance is None else {"balance": options.balance}
    asked = [
        {"target": target, "seed": seed, "shots": shots, "edition": EDITION, **aside}
        for shots in options.shots
        for seed in range(options.seeds)
        for target in options.targets
    ]
    rest = aside, folder, options.quick
    kept.fill(
        [(key, contest, (key["target"], key["seed"], key["shots"], *rest)) for key in asked if not options.rows_only],
        jobs=options.jobs,
    )
    Lines(kept.path.with_name("contest_rows.jsonl")).fill(
        [
            ({**key, "row": row}, extra_row, (key["target"], key["seed"], key["shots"], row, *rest))
            for row in options.rows
            for key in asked
            if key["target"] in EXTRA[row].targets
            and key["seed"] < EXTRA[row].seeds
            and key["shots"] in EXTRA[row].shots
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
