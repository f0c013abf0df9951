"""How many stages of the pretrained network should be trained on the sources?

    python -m research.photographs.depth [--stages 1 3 4] [--seeds 2]

So many of its last stages are trained on the union of a target's sources, as the confirmation of a study does with
`recipe.trainable`, the pretrained features kept beside the trained ones; 0: the pretrained network as it is. Five
labels a class, five draws: test errors of the ridge head and of the self-trained one, and what a study chooses by: the
squared leave-one-out error of the ridge head, for or against the trained features, and five-fold cross-validation on
the labels, for one of the heads. Results: reports/data/photographs_depth.jsonl. Needs $GEOSEARCH_DATA with `photos/`
beside it.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from typing import Any

import numpy as np

from geosearch.config.build import build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.intervals import t_half_width
from geosearch.data.dataset import LabelledSet
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import ActivationCache
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, pretrain
from geosearch.runtime.cache import Cache
from research.common.lines import Lines
from research.photographs import heads
from research.photographs.choice import cross_validated, preferred
from research.photographs.interpolation import losses_left_out
from research.photographs.scoring import SELF_TRAINING, few
from research.photographs.sets import DRAWS, FOLDER, TARGETS, photos, sources_of, task
from research.photographs.study_files import study_file

FILE = Lines(FOLDER / "photographs_depth.jsonl")
SHOTS, SEEDS = 5, 2
NONE = 0  # stages
STAGES = (1, 3, 4)
HEADS = ("ridge", "self-training")


def measured(target: str, stages: int, seed: int) -> dict[str, Any]:
    """Of each draw the errors of the heads, on the test part and on labels left out; seconds of the training.

    "squared": of each draw how much larger the squared leave-one-out error is than that of the pretrained network, and
    the standard error of this difference over the labels.
    """
    trained_stages = max(stages, 1)
    recipe = recipe_of(target, trained_stages)
    begin = time.process_time()
    network = pretrain(union(target, trained_stages), recipe if stages else recipe.scaled(0), seed)
    seconds = time.process_time() - begin
    return scored(network, target, trained_stages, without=not stages) | {"seconds": round(seconds, 1)}


def scored(network: Network, target: str, stages: int, *, without: bool = False) -> dict[str, Any]:
    """As `measured`, of a network whose last stages were trained; `without`: of its pretrained features alone."""
    known, z = task(target), read(network, target, stages)
    published = z[:, : z.shape[1] // 2]
    z = published if without else z
    errors, left_out, squared = [], [], []
    for draw in range(DRAWS):
        labelled = few(target, SHOTS, draw, z)
        each = (heads.ridge(labelled), heads.self_trained(labelled, **SELF_TRAINING))
        errors.append([round(heads.error(head, z[len(known.train) :], known.test_labels)[0], 5) for head in each])
        validated = cross_validated(labelled, SHOTS)
        left_out.append([validated[name] for name in HEADS])
        gaps = losses_left_out(labelled) - losses_left_out(few(target, SHOTS, draw, published))
        squared.append([round(float(x), 5) for x in (gaps.mean(), gaps.std(ddof=1) / np.sqrt(len(gaps)))])
    return {"errors": errors, "left out": left_out, "squared": squared}


def read(network: Network, target: str, stages: int) -> np.ndarray:
    """Features of the target's training and test images, the pretrained ones first."""
    codes = _architecture(target, stages).codes
    assert codes is not None
    return features(network, codes.encode(_encoded(target, stages)[task(target).rows]))


def union(target: str, stages: int) -> Pool:
    """All sources of a target, as activations before so many of the last stages."""
    return Pool(tuple(_source(target, name, stages) for name in sources_of(target)))


def recipe_of(target: str, stages: int) -> Recipe:
    """The recipe of a confirmation."""
    study = _study(stages)
    return build_recipe(study, _architecture(target, stages)).scaled(study.recipe.long_steps)


def _study(stages: int) -> StudyFile:
    return study_file(TARGETS[0], SHOTS, 0, {"recipe": {"trainable": stages}})


@cache
def _architecture(target: str, stages: int) -> PretrainedArchitecture:
    """With one range a channel for the target and its sources."""
    network = build_recipe(_study(stages)).network
    assert isinstance(network, PretrainedArchitecture)
    codes = ActivationCodes.fit([_encoded(name, stages) for name in (target, *sources_of(target))])
    return PretrainedArchitecture(network.backbone, network.trainable, "both", codes).loaded(64)


def _source(target: str, name: str, stages: int) -> LabelledSet:
    known, codes = photos(name), _architecture(target, stages).codes
    assert codes is not None
    rows = slice(known.train)
    return LabelledSet(codes.encode(_encoded(name, stages)[rows]), known.labels[rows], known.classes, name)


@cache
def _encoded(name: str, stages: int) -> np.ndarray:
    """Activations float16 (n, *shape) of a set's images at the cut."""
    network = build_recipe(_study(stages)).network
    assert isinstance(network, PretrainedArchitecture)
    ((activations, _),) = ActivationCache(network.backbone, network.trainable, Cache.default()).compute(
        [photos(name).images]
    )
    return activations


# the table


def table() -> list[str]:
    """Errors in % of every way, and in parentheses the differences from both heads on the pretrained network."""
    known = {(a["target"], a["stages"], a["seed"]): line for line in FILE.all() for a in [line["asked"]]}
    base = {t: np.array(known[t, NONE, 0]["errors"]).T for t in TARGETS}  # (heads, draws)
    lines = [f"| 5 a class | {' | '.join(TARGETS)} | mean difference | seconds |", "| --- " * (len(TARGETS) + 3) + "|"]
    for stages in (NONE, *sorted({stages for _, stages, _ in known} - {NONE})):
        seeds = sorted({seed for _, s, seed in known if s == stages})
        trained = {t: [known[t, stages, seed] for seed in seeds] for t in TARGETS}
        ways = {t: np.mean([_ways(known[t, NONE, 0], one) for one in trained[t]], axis=0) for t in TARGETS}
        seconds = np.mean([one["seconds"] for each in trained.values() for one in each])
        for i, head in enumerate((*HEADS, "as a study chooses")):
            cells = [_cell({t: ways[t][i]}, {t: base[t]}) for t in TARGETS]
            name = f"{_NAMES.get(stages, f'last {stages} stages')}: {head}"
            shown = "" if stages == NONE or i else f"{seconds:.0f}"
            lines.append(f"| {' | '.join([name, *cells, _cell({t: ways[t][i] for t in TARGETS}, base), shown])} |")
    return lines


_NAMES = {NONE: "no source", 1: "last stage"}


def _ways(published: dict[str, Any], trained: dict[str, Any]) -> np.ndarray:
    """Errors (3, draws): of the two heads of a training, and of what a study chooses."""
    return np.stack([*np.array(trained["errors"]).T, chosen(published, trained)])


def without_source(target: str) -> dict[str, Any]:
    """The line of the pretrained network."""
    return next(line for line in FILE.all() if line["asked"] == {"target": target, "stages": NONE, "seed": 0})


def chosen(published: dict[str, Any], trained: dict[str, Any]) -> list[float]:
    """Errors of what a study chooses, a number a draw.

    It takes the head that errs less on labels left out of the published network's features (`Automatic`), and the
    trained features beside them unless the ridge head errs clearly less without, by one standard error (see `NoGain`,
    `recipe.interpolation` and `UnionGain`).
    """
    errors = []
    for draw, (gap, noise) in enumerate(trained["squared"]):
        taken = trained if gap <= noise else published
        errors.append(
            taken["errors"][draw][HEADS.index(preferred(dict(zip(HEADS, published["left out"][draw], strict=True))))]
        )
    return errors


def _cell(own: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> str:
    """The mean error, and its differences from the heads, with an interval over draws, of several targets over them."""
    many = len(own) > 1
    parts = []
    for head in range(len(HEADS)):
        gaps = [100 * (own[target] - base[target][head]) for target in own]
        values = [float(gap.mean()) for gap in gaps] if many else list(map(float, gaps[0]))
        parts.append(f"{np.mean(values):+.1f} ± {t_half_width(values):.1f}" if any(values) else "-")
    mean = 100 * float(np.mean([errors.mean() for errors in own.values()]))
    return f"{mean:.1f} ({' / '.join(parts)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stages", nargs="+", type=int, default=list(STAGES))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    trainings = [(stages, seed) for seed in range(options.seeds) for stages in options.stages]
    FILE.fill(
        [
            ({"target": target, "stages": stages, "seed": seed}, measured, (target, stages, seed))
            for stages, seed in [(NONE, 0), *trainings]
            for target in TARGETS
        ],
        jobs=1,
    )


if __name__ == "__main__":
    main()
