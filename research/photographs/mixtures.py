"""What does the last block gain by training on a source, and how much does the choice of the mixture matter?

    python -m research.photographs.mixtures [--seeds 2]

The last block is trained on every single source, on the pooled and the uniform union and a Mixup of each target's six
sources, and on forty random mixtures. A random mixture leaves three of the six targets out and is scored on these, so
that each target has twenty; its weights are uniform on the simplex of the other three and wbc. Scored are heads on the
new features, after 50 and after 150 steps. Results: reports/data/photographs_mixtures.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from geosearch import seeds
from research.common.lines import Lines
from research.photographs.scoring import Scores, score
from research.photographs.sets import FOLDER, SETS, SHOTS, TARGETS, photos, sources_of
from research.photographs.training import State, Training, Weights, weights_of

FILE = Lines(FOLDER / "photographs_mixtures.jsonl")
RANDOM = 40
KINDS = ("single", "pooled", "uniform", "random", "mixup")
TRAINING = Training()
MIXUP = Training(mixup=True)


@dataclass(frozen=True)
class Mixed:
    """A mixture and the targets that it is scored on: those that are not in it."""

    name: str
    weights: Weights
    training: Training = TRAINING

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        first = self.name.replace(":", "").split()[0]
        return first if first in KINDS else "single"

    @property
    def targets(self) -> tuple[str, ...]:
        if ":" in self.name:  # a union of one target's sources
            return (self.name.split(": ")[1],)
        return tuple(target for target in TARGETS if target not in dict(self.weights))


@lru_cache(maxsize=1)
def mixtures() -> dict[str, Mixed]:
    """All of them by name, the most useful first."""
    return {one.name: one for one in _listed()}


def of_target(target: str) -> list[str]:
    """Names of its mixtures: six single sources, pooled, uniform, Mixup, twenty random ones."""
    return [name for name, one in mixtures().items() if target in one.targets]


def _listed() -> Iterator[Mixed]:
    for name in SETS:
        yield Mixed(name, ((name, 1.0),))
    for target in TARGETS:
        sources = sources_of(target)
        yield Mixed(f"pooled: {target}", weights_of({s: photos(s).train for s in sources}))
        yield Mixed(f"uniform: {target}", weights_of(dict.fromkeys(sources, 1.0)))
    triples = [*combinations(TARGETS, 3)]
    pairs = zip(triples[:10], triples[:9:-1], strict=True)  # each with its complement
    order = [triple for pair in pairs for triple in pair]
    for i in range(RANDOM):
        rng = seeds.stream(i, "photographs mixture")
        left_out = order[i % len(order)]
        support = [name for name in SETS if name not in left_out]
        yield Mixed(f"random {i}", weights_of(dict(zip(support, rng.dirichlet(np.ones(4)), strict=True))))
    for target in TARGETS:
        yield Mixed(f"mixup: {target}", weights_of(dict.fromkeys(sources_of(target), 1.0)), MIXUP)


def trained(name: str, seed: int) -> dict[str, Any]:
    """Scores at each mark, for each target that the mixture leaves out."""
    one = mixtures()[name]
    states = one.training.run(one.weights, seed)
    scores = {
        target: {str(mark): _scored(one, seed, mark, state, target) for mark, state in states.items()}
        for target in one.targets
    }
    return {"weights": dict(one.weights), "scores": scores}


def _scored(one: Mixed, seed: int, mark: int, state: State, target: str) -> Scores:
    """All numbers of labels for seed 0 of what is named, else five a class; no self-training on the way."""
    if mark < one.training.marks[-1]:
        return score(state, target, (5,), again=False)
    return score(state, target, (5,) if seed or one.kind == "random" else SHOTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--random", type=int, default=RANDOM, help="only so many of the random mixtures")
    options = parser.parse_args()
    names = [name for name, one in mixtures().items() if one.kind in options.kinds]
    names = [name for name in names if name not in [f"random {i}" for i in range(options.random, RANDOM)]]
    asked = [(name, seed) for seed in range(options.seeds) for name in names]
    FILE.fill([({"mixture": name, "seed": seed}, trained, (name, seed)) for name, seed in asked], jobs=1)


if __name__ == "__main__":
    main()
