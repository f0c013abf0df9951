"""All single sources of whole studies; those studies themselves train the nearest one alone.

    python -m research.photographs.single_sources [--draws 5] [--jobs 1]

Each source of each draw is trained once, as the confirmation of a study at five labels a class trains it, with its
first seed. Heads are then fitted to the labels of each kind (1, 5, 20, uneven) as in `searches.py`. With other labels
the map would draw other images of the same source; `whole_studies.trained_again` compares with trainings of the studies
themselves. A line also holds the error by which a search would choose among the sources, unless there is one label a
class, which none can be left out of. Results:
reports/data/photographs_single_sources.jsonl. Needs $GEOSEARCH_DATA with `photos/` beside it.
"""

from __future__ import annotations

import argparse
from typing import Any

from geosearch.confirmation.candidates.base import Setup, Start
from geosearch.confirmation.candidates.plain import Plain
from geosearch.mixture.baselines import SINGLE
from geosearch.nn.feature_memory import remember_features
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.study.baselines import build_baselines
from geosearch.study.build_search import build_objective
from research.common.lines import Lines
from research.photographs.confirmed import HEADS, Confirmed
from research.photographs.searches import LABELS
from research.photographs.sets import DRAWS, FOLDER, TARGETS, sources_of

FILE = Lines(FOLDER / "photographs_single_sources.jsonl")
SHOTS = 5  # labels a class of the studies that train
LEFT_OUT = "left out"  # the error by which the labels choose
CHOSEN, LOWEST = "single source chosen by the labels", "lowest single source (by test error)"

Study = tuple[str, int]  # target and draw


def known(shots: int | str) -> dict[Study, dict[str, dict[str, float]]]:
    """(target, draw) -> source -> what its network has under a number of labels a class."""
    lines = {(line["asked"]["target"], line["asked"]["draw"]): line["sources"] for line in FILE.all()}
    return {study: {name: own[str(shots)] for name, own in sources.items()} for study, sources in lines.items()}


def chosen(shots: int | str) -> dict[Study, dict[str, float]]:
    """Errors of the source that has the least error on labels left out; of none where no label can be."""
    found = {study: [*sources.values()] for study, sources in known(shots).items()}
    return {study: min(own, key=lambda one: one[LEFT_OUT]) for study, own in found.items() if LEFT_OUT in own[0]}


def lowest(shots: int | str) -> dict[Study, float]:
    """The least test error of all sources and heads, which no study can know."""
    found = known(shots).items()
    return {study: min(one[head] for one in sources.values() for head in HEADS) for study, sources in found}


def measured(target: str, draw: int) -> dict[str, Any]:
    """Source -> labels a class, in words -> head -> test error, and the error on labels left out."""
    with one_thread():
        studies = {shots: Confirmed.of(target, shots, draw) for shots in LABELS}
        study, found = studies[SHOTS], {}
        weights = build_baselines(study.prepared)
        for source in sources_of(target):
            candidate = study.plain(weights[SINGLE + source])
            start = candidate.start(_setup(study), study.numbers[0])
            found[source] = {str(shots): _judged(candidate, start, own) for shots, own in studies.items()}
    return {"sources": found}


def _setup(study: Confirmed) -> Setup:
    return Setup(study.prepared.target.shots, study.confirmer.recipe)


def _judged(candidate: Plain, start: Start, study: Confirmed) -> dict[str, float]:
    """Errors of a network under the labels of a study."""
    seed, target, adaptations = study.numbers[0], study.prepared.target, study.confirmer.adaptations_of(candidate)
    with remember_features():
        predicted = {
            name: candidate.adapt(start, adaptations[name], _setup(study), seed).predict(target.test_images)
            for name in HEADS
        }
        errors = {name: study.errors(scores.argmax(1)[None])[0] for name, scores in predicted.items()}
        if study.file.search.leaves_out:
            objective = build_objective(study.file, study.prepared, Cache.default())
            score = objective.scorer.score(start.network, objective.images, seed, candidate.mixture)
            errors[LEFT_OUT] = round(score.squared_error, 6)
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--jobs", type=int, default=1, help="targets side by side")
    options = parser.parse_args()
    FILE.fill(
        [
            ({"target": target, "draw": draw}, measured, (target, draw))
            for draw in range(options.draws)
            for target in TARGETS
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
