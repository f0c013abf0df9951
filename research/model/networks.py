"""Small pretrained networks with few labels of a known target, for the measurements of predictions."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.ridge import RidgeHead
from geosearch.data.dataset import LabelledSet
from geosearch.data.harmonization import harmonize
from geosearch.data.loaders.registry import load
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain

GLYPHS = ("mnist", "usps", "kmnist", "fashion_mnist")
PHOTOGRAPHS = ("seedlings", "rsscn7", "trash", "dtd10", "corn_leaf")
MOST = 2000  # images of a source, and of a test part
ADAPTATIONS: dict[str, Adaptation] = {"ridge": RidgeHead(), "fine-tune": FineTuning(steps=150)}


@cache
def read(name: str, part: str = "train") -> LabelledSet:
    """A set at 16 px in grey, or 32 px in color if it is one of photographs."""
    folder = Path(os.environ["GEOSEARCH_DATA"])
    photograph = name in PHOTOGRAPHS
    place = folder.parent / "photos" if photograph else folder
    data = load(f"npz:{place / name}.npz", part=part)  # type: ignore[arg-type]
    data = data.sample(max(MOST, 0) if part == "test" else 2 * MOST, seeds.stream(0, "sample", name, part))
    size, channels = (32, 3) if photograph else (16, 1)
    return harmonize(data, size=size, channels=channels)


@cache
def network(target: str, unseen: str = "") -> Network:
    """Pretrained on the sets of the target's kind but the target and the one that is to be told from it."""
    sets = [name for name in (PHOTOGRAPHS if target in PHOTOGRAPHS else GLYPHS) if name not in (target, unseen)]
    recolour = 1.0 if target in PHOTOGRAPHS else 0.0
    recipe = Recipe(SmallConv(16), steps=300, augmentation=Augmentation(recolour=recolour))
    return pretrain(Pool(tuple(read(name) for name in sets)), recipe, seed=0)


def draw(target: str, shots: int, number: int) -> tuple[LabelledSet, np.ndarray]:
    """Labelled images, and 1,000 others without their labels."""
    train = read(target)
    order = seeds.stream(number, "shots", target).permutation(len(train))
    rows = np.concatenate([order[train.labels[order] == label][:shots] for label in range(len(train.classes))])
    rest = np.setdiff1d(order, rows, assume_unique=True)
    rest = seeds.stream(number, "unlabelled", target).permutation(rest)[:1000]
    return train.take(rows), train.images[rest]
