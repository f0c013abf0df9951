"""Does searching for the data set pay, and against which baselines? Whole studies on real sets, several cuts of each.

    python benchmarks/contest.py [--targets mnist usps fashion_mnist kmnist az_letters mnist_m] [--seeds 5]
                                 [--shots 5 2]

One study for each target, seed and number of shots; a seed decides which shots, which reference, which weights of the
networks. Each is the product's own search with its own confirmation, plus rows that no study has. Results: a line for
each study in reports/data/contest.jsonl; the same command goes on where it stopped. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lines import Lines
from mixtures import GREY, study_file

from geosearch import seeds
from geosearch.assemble import baselines_of, objective_of, search_of
from geosearch.domain.embed import PixelEncoder
from geosearch.domain.pseudo_labels import nearest
from geosearch.evaluate.few_shot import few_shot
from geosearch.evaluate.recipe import NO_AUGMENTATION
from geosearch.geodesic.mixture import Mixture
from geosearch.geodesic.simplex import Weights
from geosearch.options import adaptations_of, recipe_of
from geosearch.pipeline import Study
from geosearch.search.baselines import POOLED
from geosearch.search.confirm import Confirmer
from geosearch.search.variants import TEACHERS, Candidate, Plain, Taught
from geosearch.study_file import StudyFile

FOLDER = Path(__file__).parents[1] / "reports" / "data"
TARGETS = (*GREY, "mnist_m")
SHOTS = (5, 2)  # a class: the paper's number, and where regimes.py finds that the choice pays most
NEAREST, PLAIN = "nearest shot, pixels", "few shots, no augmentation"
NO_PROXY = "search without the proxy"
CONCENTRATION = "hull projection, best concentration"
POOLED_TAUGHT = "pooled union, taught by four of its own"
NEURAL = "neural map, hull projection"
ORACLE = "oracle"
DEAR = {NO_PROXY: (TARGETS, 2), ORACLE: (TARGETS, 1), NEURAL: (("mnist", "usps"), 1)}  # row -> targets, seeds
CONCENTRATIONS = (0.5, 1.0, 2.0, 5.0, np.inf)


@dataclass
class Rows:
    """What one study found: row -> adaptation -> test error in [0, 1], and the seconds that each row took."""

    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, row: str, found: Callable[[], dict[str, float]]) -> None:
        start = time.perf_counter()
        self.errors[row] = found()
        self.seconds[row] = time.perf_counter() - start


def contest_file(target: str, seed: int, shots: int, *, quick: bool) -> StudyFile:
    """The study of one target, seed and number of shots: the defaults, but for image size and what makes it shorter."""
    return study_file(
        target,
        seed,
        "committee",
        shots,
        search={"evaluations": 16 if quick else 25, "finalists": 4, "jobs": 1},
        recipe={"steps": 60 if quick else 300, "long_steps": 120 if quick else 1000, "adaptation": "self-train"},
        confirm={"seeds": 1, "export": 1, "explain": False, "variants": ["taught"]},
    )


def contest(target: str, seed: int, shots: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Run one study to its end and give all its rows."""
    file = contest_file(target, seed, shots, quick=quick)
    folder.mkdir(parents=True, exist_ok=True)
    study = Study.open(file, storage=f"sqlite:///{folder / file.study.name}.db")
    start = time.perf_counter()
    confirmation = study.run()
    whole = time.perf_counter() - start
    rows = Rows()
    for row in confirmation.rows:
        rows.errors[row.name] = {name: values[0] for name, values in row.top1_errors.items()}
        rows.seconds[row.name] = row.wall_seconds
    confirmer, number = confirmer_of(study), confirmation.seeds[0]
    rows.timed(CONCENTRATION, lambda: confirmed(confirmer, best_concentration(study), number))
    pooled = Mixture(confirmer.anchors, baselines_of(study.prepared)[POOLED])
    several = Taught(pooled, [pooled] * (TEACHERS - 1))
    rows.timed(POOLED_TAUGHT, lambda: errors_of(confirmer, several, number))
    names, truth = confirmation.adaptations, study.prepared.target.test_labels.reveal()
    for row, predict in few_shot_rows(study).items():
        rows.timed(row, lambda predict=predict: dict.fromkeys(names, float((predict() != truth).mean())))
    best = study.best
    return {
        "errors": rows.errors,
        "seconds": {**rows.seconds, "study": whole},
        "stages": study.store.recall("stages", {}),
        "sources": list(study.source_names),
        "best": {"weights": list(best.weights), "concentration": best.concentration, "pairing": best.pairing},
        "pruned": sum(trial.state == "pruned" for trial in study.trials),
        "settings": f"{file.search.evaluations} evaluations, {file.recipe.steps}/{file.recipe.long_steps} steps",
    }


def dear_row(target: str, seed: int, shots: int, row: str, folder: Path, quick: bool) -> dict[str, Any]:
    """A row that costs as much as a study of its own, once the study is there."""
    file, start = contest_file(target, seed, shots, quick=quick), time.perf_counter()
    if row == NEURAL:
        file = file.model_copy(update={"transport": file.transport.model_copy(update={"map": "neural"})})
    study = Study.open(file, storage=f"sqlite:///{folder / file.study.name}{'-neural' * (row == NEURAL)}.db")
    confirmer, number = confirmer_of(study), seeds.integer(seed, "confirmation", 0)
    if row == NEURAL:
        found = confirmed(confirmer, study.prepared.hull.projection(), number)
    elif row == NO_PROXY:
        found = confirmed(confirmer, without_proxy(study, folder), number)
    else:
        every = [confirmed(confirmer, trial.point, number) for trial in study.trials if trial.state == "complete"]
        found = {name: min(errors[name] for errors in every) for name in every[0]}
    return {"errors": found, "seconds": time.perf_counter() - start}


def confirmer_of(study: Study) -> Confirmer:
    """What the study confirms mixtures with; without pretraining it would not be tuned, which takes a minute."""
    file, target = study.file, study.prepared.target
    recipe, adaptations = recipe_of(file).scaled(file.recipe.long_steps), adaptations_of(file, target.reference)
    return Confirmer(study.prepared.anchors, target, recipe, recipe, adaptations, study.cache, file.recipe.device)


def confirmed(confirmer: Confirmer, weights: Weights, number: int) -> dict[str, float]:
    """Test errors in [0, 1] of one mixture, as the study's own confirmation has them."""
    return errors_of(confirmer, Plain(Mixture(confirmer.anchors, weights)), number)


def errors_of(confirmer: Confirmer, candidate: Candidate, number: int) -> dict[str, float]:
    predicted, _ = confirmer.predictions(candidate, number)
    truth = confirmer.target.test_labels.reveal()
    return {name: float((classes != truth).mean()) for name, classes in predicted.items()}


def best_concentration(study: Study) -> Weights:
    """The projection's weights at the concentration that the study's own objective likes best."""
    values = study.prepared.hull.projection().values
    asked = [Weights.of(values, concentration=concentration) for concentration in CONCENTRATIONS]
    objective = objective_of(study.file, study.prepared, study.cache)
    found = objective.many([(weights, None, 0) for weights in asked], jobs=1)
    return min(zip(found, asked, strict=True), key=lambda pair: pair[0].squared_error)[1]  # type: ignore[union-attr]


def without_proxy(study: Study, folder: Path) -> Weights:
    """The best point of the same search when the held-out OTDD may stop nothing."""
    search = study.file.search.model_copy(update={"prune": False})
    file = study.file.model_copy(update={"search": search})
    twin = Study.open(file, storage=f"sqlite:///{folder / file.study.name}-no-proxy.db")
    search_of(file, study.prepared, twin.store, twin.cache, twin.progress).run()
    return twin.best.point


def few_shot_rows(study: Study) -> dict[str, Callable[[], np.ndarray]]:
    """Predicted classes of the test images without any source, as the paper has it."""
    shots, images = study.prepared.target.shots, study.prepared.target.test_images
    pixels, recipe = PixelEncoder(), recipe_of(study.file).scaled(study.file.recipe.long_steps)
    plain = type(recipe)(network=recipe.network, steps=recipe.steps, batch=50, augmentation=NO_AUGMENTATION)
    seed = seeds.integer(study.file.study.seed, PLAIN)
    return {
        NEAREST: lambda: shots.labels[nearest(pixels.encode(images), pixels.encode(shots.images))],
        PLAIN: lambda: few_shot(shots, plain, seed).predict(images).argmax(1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS), help="a class")
    parser.add_argument("--quick", action="store_true", help="short recipes, few evaluations")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--studies", type=Path, default=Path("studies") / "transfer", help="where databases lie")
    options = parser.parse_args()
    kept = Lines((options.studies / "quick" if options.quick else FOLDER) / "contest.jsonl")
    folder = options.studies / "quick" if options.quick else options.studies
    kept.fill(
        [
            ({"target": target, "seed": seed, "shots": shots}, contest, (target, seed, shots, folder, options.quick))
            for shots in options.shots
            for seed in range(options.seeds)
            for target in options.targets
        ],
        jobs=options.jobs,
    )
    shots = SHOTS[0]  # rows as dear as a study are run in the paper's regime only
    Lines(kept.path.with_name("contest_rows.jsonl")).fill(
        [
            (
                {"target": target, "seed": seed, "shots": shots, "row": row},
                dear_row,
                (target, seed, shots, row, folder, options.quick),
            )
            for row, (targets, count) in DEAR.items()
            if shots in options.shots
            for seed in range(min(count, options.seeds))
            for target in options.targets
            if target in targets
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
