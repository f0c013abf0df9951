"""What does self-training gain by more unlabelled images, and by drawing its labels to equally frequent classes?

    python -m research.transfer.self_training [--targets mnist usps fashion_mnist kmnist az_letters] [--seeds 2]

Networks are pretrained on the pooled union for 1,000 steps and self-trained with 5 shots a class, under their own head
or that of four networks together: on the reference's 1,000 images or on up to 5,000, at several `domain.balance`. Then
once more, under the labels of what was self-trained, and four students predict together. Once with unlabelled images as
the set has them, and once with a long tail among them: classes ten times to once as frequent, in random order. Errors
are counted on training images that nothing here learns from; no test label is looked at. Of Fashion-MNIST, a mirrored
garment being a garment, the same with flips. Results: reports/data/self_training.jsonl. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Predictor
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.predictors import EnsemblePredictor
from geosearch.adaptation.self_training import SelfTraining
from geosearch.config.build import build_adaptations, build_mixing_space, build_recipe
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.mixture.baselines import POOLED
from geosearch.mixture.mixture import Mixture
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache
from geosearch.study.baselines import build_baselines
from geosearch.study.prepare import Prepared, prepare
from research.common.lines import Lines
from research.common.mixtures import GREY, LONG, SHORT, study_file

FOLDER = Path(__file__).parents[2] / "reports" / "data"
BALANCES = (0.0, 0.25, 0.5, 1.0)
FEW, MANY = 1000, 5000  # unlabelled images
JUDGES = 3000  # images that errors are counted on, at most
RAREST = 0.1  # of the classes in the long tail, beside the most frequent
HEAD, FINE_TUNED = "head on the shots", "fine-tuned on the shots"
TOGETHER = f"{TEACHERS} students together, {MANY} images, balance 0.5"
AGAIN = f"self-trained again under their labels, {MANY} images, balance 0.5"
SHARES = EVEN, TAIL = "as they are", "long tail"
MIRRORED = ("fashion_mnist",)  # sets whose images may be mirrored


def gained(target: str, seed: int, flip: bool) -> dict[str, Any]:
    """Error in [0, 1] of each way to adapt: shares of classes -> way -> by one teacher and by several."""
    recipe = {"steps": SHORT, "long_steps": LONG, "adaptation": "self-train", "flip": flip}
    file = study_file(target, seed, recipe=recipe)
    prepared = prepare(file, build_mixing_space(file), Cache.default(), lambda name: nullcontext())
    pooled, shots = Mixture(prepared.anchors, build_baselines(prepared)[POOLED]), prepared.target.shots
    numbers = [seeds.integer(seed, "self-training", i) for i in range(TEACHERS)]
    networks = [pretrain(pooled, build_recipe(file).scaled(LONG), number) for number in numbers]
    known = build_adaptations(file)
    how, whole = known["self-train"], known["fine-tune"]
    assert isinstance(how, SelfTraining)
    assert isinstance(whole, FineTuning)
    heads = [how.fit_teacher(network, shots, seed) for network in networks]
    teachers = {"1": heads[0], str(TEACHERS): EnsemblePredictor(heads)}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for shares in SHARES:
        unlabelled, judges = parts_of(prepared, seed, tail=shares == TAIL)
        rows = {HEAD: {name: error(teacher, judges) for name, teacher in teachers.items()}}
        rows[FINE_TUNED] = {"1": error(whole.fit(networks[0], shots, seed), judges)}
        for count, steps in ((FEW, how.steps // 2), (MANY, how.steps)):
            images = UnlabelledSet(unlabelled.images[:count], unlabelled.name)
            for balance in BALANCES:
                way = replace(how, unlabelled=images, balance=balance, steps=steps)
                rows[named(count, balance)] = {
                    name: error(way.train_student(teacher, networks[0], shots, seed), judges)
                    for name, teacher in teachers.items()
                }
        way = replace(how, unlabelled=UnlabelledSet(unlabelled.images[:MANY], unlabelled.name), balance=0.5)
        alone = way.train_student(heads[0], networks[0], shots, seed)
        students = EnsemblePredictor(
            [way.train_student(teachers[str(TEACHERS)], network, shots, seed) for network in networks]
        )
        rows[TOGETHER] = {str(TEACHERS): error(students, judges)}
        rows[AGAIN] = {
            name: error(way.train_student(teacher, networks[0], shots, seed), judges)
            for name, teacher in (("1", alone), (str(TEACHERS), students))
        }
        found[shares] = rows
    return {"errors": found}


def named(count: int, balance: float) -> str:
    return f"self-trained on {count} images, balance {balance:g}"


def parts_of(prepared: Prepared, seed: int, *, tail: bool) -> tuple[LabelledSet, LabelledSet]:
    """Images that self-training may use, reference first, and images to judge it by; in a long tail both are in it."""
    rows = prepared.target.rows
    judges = min(JUDGES, len(rows["surplus"]) // 2)
    known = np.concatenate([rows["reference"], rows["surplus"][: min(MANY - FEW, len(rows["surplus"]) - judges)]])
    parts = [prepared.train.take(known), prepared.train.take(rows["surplus"][len(rows["surplus"]) - judges :])]
    if tail:
        rng = seeds.stream(seed, "long tail", prepared.train.name)
        classes = len(prepared.train.classes)
        share = RAREST ** (rng.permutation(classes) / (classes - 1))  # (c,), of its images that a class keeps
        parts = [part.take(np.flatnonzero(rng.random(len(part)) < share[part.labels])) for part in parts]
    return parts[0], parts[1]


def error(predictor: Predictor, judges: LabelledSet) -> float:
    """In [0, 1]."""
    return float((predictor.predict(judges.images).argmax(1) != judges.labels).mean())


def table(folder: Path) -> list[str]:
    """Markdown: a row for each way to adapt, errors in % by one teacher and by several, means over the seeds."""
    lines = [line for line in Lines(folder / "self_training.jsonl").all() if not line["asked"]["flip"]]
    if not lines:
        return []
    targets = list(dict.fromkeys(line["asked"]["target"] for line in lines))
    out = [f"| | classes | {' | '.join(targets)} | mean |", "| --- " * (len(targets) + 3) + "|"]
    for shares in SHARES:
        for row in lines[0]["errors"][shares]:
            cells = []
            for name in ("1", str(TEACHERS)):
                of = [[e["errors"][shares][row].get(name) for e in lines if e["asked"]["target"] == t] for t in targets]
                if of[0][0] is not None:
                    cells.append([100 * float(np.mean(values)) for values in of])
            shown = [" / ".join(f"{value:.1f}" for value in both) for both in zip(*cells, strict=True)]
            mean = " / ".join(f"{np.mean(values):.1f}" for values in cells)
            out.append(f"| {row} | {shares} | {' | '.join(shown)} | {mean} |")
    return out


def flips(folder: Path) -> list[str]:
    """Markdown: the errors in % with and without flips, of what was run with both; means over the seeds."""
    lines = Lines(folder / "self_training.jsonl").all()
    mirrored = [line for line in lines if line["asked"]["flip"]]
    plain = [line for line in lines if {**line["asked"], "flip": True} in [one["asked"] for one in mirrored]]
    said = []
    for row in (FINE_TUNED, named(MANY, 0.5)):
        name = "1" if row == FINE_TUNED else str(TEACHERS)
        with_it, without = (
            100 * np.mean([one["errors"][EVEN][row][name] for one in some]) for some in (mirrored, plain)
        )
        said.append(f"- {row}: {with_it:.1f} with flips, {without:.1f} without")
    return said if mirrored else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=list(GREY))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    asked = [(target, seed, False) for seed in range(options.seeds) for target in options.targets]
    asked += [(target, seed, True) for target, seed, _ in asked if target in MIRRORED]
    Lines(FOLDER / "self_training.jsonl").fill(
        [
            ({"target": target, "seed": seed, "flip": flip}, gained, (target, seed, flip))
            for target, seed, flip in asked
        ],
        jobs=options.jobs,
    )
    print("\n".join(table(FOLDER) + flips(FOLDER)))


if __name__ == "__main__":
    main()
