"""The six targets of these measurements: four gray sets of glyphs, two sets of photographs; how each is trained for.

Glyphs are images of 16 px, and a small network is trained on the three other sets. Photographs are activations of the
pretrained encoder before its last stage (research/photographs/encoder.py), which is trained on the six other sets as a
study's confirmation does, its pretrained features kept beside the trained ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Adaptation
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.config.build import build_embedding, build_recipe
from geosearch.config.study_config import StudyFile
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.base import Embedding
from geosearch.embeddings.patches import RandomPatchFeatures
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from research.model import networks
from research.model.networks import GLYPHS
from research.photographs.encoder import activations, encoder
from research.photographs.sets import SETS, photos, sources_of

PHOTOGRAPHS = ("rsscn7", "seedlings")
TARGETS = (*GLYPHS, *PHOTOGRAPHS)
UNRELATED = dict(zip(GLYPHS, (*GLYPHS[2:], *GLYPHS[:2]), strict=True))  # no two of digits
UNRELATED |= {"rsscn7": "trash", "seedlings": "dtd10"}


@cache
def read(name: str, part: str = "train") -> LabelledSet:
    """A set's training or test part: images of 16 px, or activations as codes."""
    if name not in SETS:
        return networks.read(name, part)
    known = photos(name)
    rows = slice(known.train) if part == "train" else slice(known.train, None)
    return LabelledSet(codes().encode(activations(name)[rows]), known.labels[rows], known.classes, name)


@cache
def turned(name: str) -> LabelledSet:
    """The training part, every image turned by 90 degrees."""
    known = read(name)
    if name not in SETS:
        return replace(known, images=np.rot90(known.images, axes=(1, 2)).copy())
    images = np.rot90(photos(name).images[: len(known)], axes=(1, 2)).copy()
    parts = encoder().run(encoder().cut("last").stem, images)
    return replace(known, images=codes().encode(np.concatenate(list(parts))))


def sources(target: str) -> tuple[LabelledSet, ...]:
    """The other sets of the target's kind."""
    names = sources_of(target) if target in SETS else tuple(name for name in GLYPHS if name != target)
    return tuple(read(name) for name in names)


def recipe(target: str, width: int = 16) -> Recipe:
    """How a network is pretrained for the target; `width` is that of the small network."""
    if target not in SETS:
        return Recipe(SmallConv(width), steps=300)
    return build_recipe(study(), architecture()).scaled(study().recipe.long_steps)


@cache
def network(target: str) -> Network:
    """Pretrained on the sources."""
    if target not in SETS:
        return networks.network(target)
    return pretrain(Pool(sources(target)), recipe(target), 0)


def embedding(target: str) -> Embedding:
    """What a study of the target measures distances with."""
    return build_embedding(study(), architecture()) if target in SETS else RandomPatchFeatures()


def for_target(how: Adaptation, target: str) -> Adaptation:
    """The adaptation as a study of the target has it: activations are not augmented, and are trained on in bfloat16."""
    if target not in SETS or not isinstance(how, GradientAdaptation):
        return how
    return replace(how, augmentation=NO_AUGMENTATION, precision="bfloat16")


def draw_shots(target: str, count: int, draw: int) -> LabelledSet:
    """The first `count` images of every class, in an order of the draw."""
    train = read(target)
    order = seeds.stream(draw, "shots", target).permutation(len(train))
    rows = [order[train.labels[order] == label][:count] for label in range(len(train.classes))]
    return train.take(np.concatenate(rows))


@cache
def codes() -> ActivationCodes:
    """One range a channel for all sets of photographs."""
    return ActivationCodes.fit([activations(name) for name in SETS])


@cache
def architecture() -> PretrainedArchitecture:
    known = build_recipe(study()).network
    assert isinstance(known, PretrainedArchitecture)
    return replace(known, codes=codes()).loaded(64)


@cache
def study() -> StudyFile:
    """A study of photographs with the library's defaults."""
    from research.photographs.study_files import study_file  # needs the encoder's weights

    return study_file(PHOTOGRAPHS[0], 5, 0, {})
