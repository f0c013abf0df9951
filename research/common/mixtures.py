"""Twenty mixtures of four sources, trained on at several lengths: the cells that regimes.py and predictors.py fill.

A cell is one target, one seed (which shots, which reference, which weights of the network) and one mixture. Its
networks are kept in the cache, so scripts that ask other questions of them need not train again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geosearch import seeds
from geosearch.config.build import build_mixing_space, build_recipe
from geosearch.config.read import parse_study
from geosearch.config.study_config import StudyFile
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.baselines import CLOUD, MIXUP, POOLED, PROJECTION, SINGLE, UNIFORM
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.pseudo_labels.ensemble import EnsembleLabelling
from geosearch.runtime.cache import Cache, content_key
from geosearch.study.baselines import build_baselines
from geosearch.study.prepare import Prepared, prepare

DATA = Path(os.environ.get("GEOSEARCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
GREY = ("mnist", "usps", "fashion_mnist", "kmnist", "az_letters")
COLOUR = ("mnist_m", "svhn_small", "cifar10_small")
SIZE = 16  # pixels: a third of the time of 28
MIXTURES = 20
SHORT, LONG = 300, 1000


@dataclass(frozen=True, order=True)
class Cell:
    """One mixture of the sources of one target, under one seed."""

    target: str
    seed: int
    index: int

    @property
    def ground(self) -> Ground:
        return ground(self.target, self.seed)

    @property
    def weights(self) -> Weights:
        return list(candidates(self.target, self.seed).values())[self.index]

    @property
    def mixture(self) -> Mixture:
        return Mixture(self.ground.prepared.anchors, self.weights)

    def network(self, steps: int) -> Network:
        """Trained on the mixture for so many steps, or taken from the cache."""
        mixture, recipe = self.mixture, self.ground.recipe.scaled(steps)
        seed = seeds.integer(self.seed, "benchmark", steps)
        key = content_key("benchmark-network", mixture=mixture.key, recipe=recipe.key, seed=seed)

        def trained() -> dict[str, np.ndarray]:
            state = pretrain(mixture, recipe, seed).state_dict()
            return {name: tensor.numpy() for name, tensor in state.items()}

        stored = Cache.default().arrays("benchmark-network", key, trained)
        height, _, channels = mixture.image_shape
        network = recipe.network.build(channels, height, mixture.class_count, seed)
        network.load_state_dict({name: torch.from_numpy(np.array(stored[name])) for name in network.state_dict()})
        return network


@dataclass(frozen=True, eq=False)
class Ground:
    """What all cells of one target and seed stand on.

    Attributes:
        prepared: the target's parts and the anchors, with 5 shots a class.
        more: 15 further labelled images of every class, from the images that no part uses.
        recipe: at its short length.
    """

    prepared: Prepared
    more: LabelledSet
    recipe: Recipe

    def shots(self, count: int) -> LabelledSet:
        """The first `count` shots of every class, up to 20; fewer are part of more."""
        both = (self.prepared.target.shots, self.more)
        labels = np.concatenate([part.labels for part in both])
        rows = np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)])
        images = np.concatenate([part.images for part in both])
        return replace(both[0], images=images[rows], labels=labels[rows])

    def wrong(self, scores: np.ndarray) -> float:
        """Test error in [0, 1] of class scores (n, c) of the test images."""
        return float((scores.argmax(1) != self.prepared.target.test_labels.reveal()).mean())


@lru_cache(maxsize=1)
def ground(target: str, seed: int) -> Ground:
    file = study_file(target, seed)
    prepared = prepare(file, build_mixing_space(file), Cache.default(), lambda name: nullcontext())
    rows = prepared.target.rows["surplus"]
    labels = prepared.train.labels[rows]
    chosen = np.concatenate([rows[np.flatnonzero(labels == label)[:15]] for label in np.unique(labels)])
    return Ground(prepared, prepared.train.take(chosen), build_recipe(file))


@lru_cache(maxsize=1)
def candidates(target: str, seed: int) -> dict[str, Weights]:
    """Baselines, then random weights, every second one a cloud around its point; in the order of the recorded cells."""
    known = build_baselines(ground(target, seed).prepared)
    single = [role for role in known if role.startswith(SINGLE)]
    found = {role: known[role] for role in (*single, POOLED, PROJECTION, CLOUD, MIXUP, UNIFORM)}
    m = len(ground(target, seed).prepared.anchors.sources)
    drawn = seeds.stream(0, "random mixtures", m).dirichlet(np.ones(m), MIXTURES - len(found))
    for i, row in enumerate(drawn):
        found[f"random {i}"] = Weights.of(row, concentration=(np.inf, 2.0)[i % 2])
    return found


@lru_cache(maxsize=1)
def refined(target: str, seed: int) -> tuple[LabelledSet, LabelledSet]:
    """Reference and held-out part with the labels of a network pretrained on the hull (`EnsembleLabelling`)."""
    own = ground(target, seed)
    mixture, shots = Mixture(own.prepared.anchors, candidates(target, seed)[CLOUD]), own.prepared.target.shots
    labeller = EnsembleLabelling(own.recipe).train_member(mixture, shots, seed=seed, cache=Cache.default())
    fresh = own.prepared.target.relabel(labeller)
    return fresh.reference, fresh.held_out


def sources_of(target: str) -> tuple[str, ...]:
    """Four sets: the other grey ones; for photographs, grey sets and sets in colour."""
    if target in COLOUR[1:]:
        return "mnist", "fashion_mnist", "mnist_m", next(name for name in COLOUR[1:] if name != target)
    return tuple(source for source in GREY if source != target)[:4]


def study_file(
    target: str,
    seed: int,
    pseudo_labels: str = "nearest",
    shots: int = 5,
    size: int = SIZE,
    balance: float | None = None,
    **sections: dict[str, Any],
) -> StudyFile:
    """The study of one target among its `sources_of`; everything that is not said as by default."""
    aside = ("" if size == SIZE else f"{size}-px-") + ("" if balance is None else f"balance-{balance:g}-")
    return parse_study(
        {
            "study": {"name": f"transfer-{target}-{shots}-shots-{aside}{seed}", "seed": seed},
            "domain": {
                "target": f"npz:{DATA / target}.npz",
                "sources": [f"npz:{DATA / source}.npz" for source in sources_of(target)],
                "channels": 3 if target in COLOUR else 1,
                "margin": "match",
                "size": size,
                "shots": shots,
                "pseudo_labels": pseudo_labels,
                **({} if balance is None else {"balance": balance}),
            },
            "recipe": {"steps": SHORT, "long_steps": LONG},
            **sections,
        }
    )


def cells(targets: Iterable[str], seed_count: int) -> list[Cell]:
    """All cells, seed by seed, so that a run that is cut short has some of every target."""
    return [Cell(target, s, i) for s in range(seed_count) for target in targets for i in range(MIXTURES)]
