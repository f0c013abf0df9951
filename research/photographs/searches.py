"""Is the product's own answer at or above every other way? Whole studies, from their files to their confirmations.

    python -m research.photographs.searches [--draws 5] [--shots 1 5 20 uneven] [--settings union] [--jobs 1]

Each study has the labels of a draw, the target's other training images without labels, all six sources, and the
library's defaults for a pretrained network, but for a short search and confirmation (`BUDGET`); test labels are read
by its confirmation alone. A line holds what the confirmation says of every row, and the study's answer: the row and
the adaptation that were chosen before any test label was read. The study of `union` is that of `both` with one more row
and possible answer, the deep union; it has its search, and is confirmed again. `--settings "4 stages"` trains the last
four stages on mixtures in place of the last one; with `trained` the pretrained features are not kept beside the trained
ones (the lines of such studies are of trainings of 150 steps throughout). A study that was interrupted goes on.
Results: reports/data/photographs_searches.jsonl.
"""

from __future__ import annotations

import argparse
from typing import Any

from geosearch.study.study import Study
from research.common.lines import Lines
from research.photographs.sets import DRAWS, FOLDER, SHOTS, TARGETS, UNEVEN
from research.photographs.study_files import FOLDER as STUDIES
from research.photographs.study_files import study_file

FILE = Lines(FOLDER / "photographs_searches.jsonl")
LABELS = (*SHOTS, UNEVEN)
BUDGET: dict[str, dict[str, Any]] = {
    "search": {"evaluations": 8, "finalists": 2, "repeats": 1, "jobs": 1},
    "confirm": {"seeds": 2, "tuning": 0, "controls": [], "explain": False, "export": 10},
}


_FINE_TUNED = {"fine_tune_steps": 50}  # of the published network; a tie with the default's 100 (fine_tuning.py)
SETTINGS: dict[str, dict[str, Any]] = {  # of the recipe
    "union": {"features": "both", "union_stages": 4, **_FINE_TUNED},
    "both": {"features": "both", **_FINE_TUNED},
    "4 stages": {"features": "both", "trainable": 4},
    "trained": {"features": "trained"},
}


def sections(shots: int | str, settings: str = "union") -> dict[str, dict[str, Any]]:
    """What the study files hold besides a target's sets and the library's defaults."""
    found = {**BUDGET, "recipe": SETTINGS[settings]}
    if shots == 1:  # of one label a class none can be left out
        found["search"] = {**BUDGET["search"], "objective": "episodes"}
    return found


def studied(target: str, draw: int, shots: int | str, settings: str) -> dict[str, Any]:
    """Errors of every row of the study's confirmation under each adaptation, a number a seed, and its verdict."""
    searched = "both" if settings == "union" else settings  # no trial depends on the deep union
    name = f"{target}-{shots}-{draw}-{searched.replace(' ', '-')}"
    file = study_file(target, shots, draw, {**sections(shots, settings), "study": {"name": name}})
    STUDIES.mkdir(parents=True, exist_ok=True)
    study = Study.open(file, storage=f"sqlite:///{STUDIES / file.study.name}.db")
    study.run()
    confirmation, best = study.confirmation, study.best
    assert confirmation is not None
    return {
        "rows": {
            row.name: {name: list(errors) for name, errors in row.top1_errors.items()} for row in confirmation.rows
        },
        "balanced": {
            row.name: {name: list(errors) for name, errors in row.balanced_errors.items()} for row in confirmation.rows
        },
        "answer": [confirmation.answer_row, confirmation.adaptation],
        "best": {
            "role": best.role,
            "weights": dict(zip(study.source_names, best.weights, strict=True)),
            "concentration": str(best.concentration),
        },
        "verdict": confirmation.verdict(),
        "stages": {name: round(seconds, 1) for name, seconds in study.summary().stages},
    }


def parse_labels(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument(
        "--shots", type=parse_labels, nargs="+", choices=LABELS, default=list(LABELS), help="labels a class"
    )
    parser.add_argument("--settings", choices=SETTINGS, default="union")
    parser.add_argument("--jobs", type=int, default=1, help="studies side by side")
    options = parser.parse_args()
    FILE.fill(
        [
            (
                {"target": target, "draw": draw, "shots": shots, "features": options.settings},
                studied,
                (target, draw, shots, options.settings),
            )
            for shots in options.shots
            for draw in range(options.draws)
            for target in TARGETS
        ],
        jobs=options.jobs,
    )


if __name__ == "__main__":
    main()
