"""Variants: other ways to train on the best mixture, each a row of the confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from geosearch import seeds
from geosearch.adaptation.base import Predictor
from geosearch.adaptation.predictors import EnsemblePredictor
from geosearch.adaptation.ridge import one_hot
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.statistics import BEST
from geosearch.curation.curated_mixture import curate_mixture, reweight_mixture, row_weights
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import Network
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import FixedSet, Stream, as_tensor
from geosearch.nn.train import pretrain
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.runtime.cache import content_key
from geosearch.runtime.registry import Choice

ROWS = 4000  # images that are condensed, or reweighted
PER_CLASS = 50  # learned images
TEACHERS = 4  # networks whose mean prediction labels, that of the best mixture included


class Candidate(Protocol):
    """What the confirmation trains on."""

    @property
    def key(self) -> str:
        """Content key of all that the training depends on but recipe and seed."""
        ...

    def pretrained(self, recipe: Recipe, seed: int, *, device: str) -> tuple[Network, Stream]:
        """A network, and what it was trained on in its head's own classes, for adaptations that rehearse it."""
        ...


@dataclass(frozen=True, eq=False)
class Plain:
    """A mixture as it is."""

    mixture: Mixture

    @property
    def key(self) -> str:
        return self.mixture.key

    def pretrained(self, recipe: Recipe, seed: int, *, device: str) -> tuple[Network, Stream]:
        return pretrain(self.mixture, recipe, seed, device=device), self.mixture


@dataclass(frozen=True, eq=False)
class Condensed:
    """A few images per class that are learned from a mixture, afresh for every seed."""

    mixture: Mixture
    condensation: Condensation
    size: int = ROWS

    @property
    def key(self) -> str:
        how = (repr(self.condensation), self.size)
        return content_key("condensed", version=2, mixture=self.mixture.key, how=how)

    def pretrained(self, recipe: Recipe, seed: int, *, device: str) -> tuple[Network, Stream]:
        learned = self.condensation.learn(self.mixture, self.size, seed, device=device)
        return pretrain(learned, recipe, seed, device=device), learned


@dataclass(frozen=True, eq=False)
class MetaReweighted:
    """The mixture's source images under the target classes that they stand for, weighed by meta-gradient.

    An image of a source stands for the class of the reference image in whose place it is, as for the derivative
    (`curate_mixture`). The shots are the clean samples.
    """

    anchors: Anchors
    weights: Weights
    shots: LabelledSet
    size: int = ROWS

    @property
    def key(self) -> str:
        mixture = Mixture(self.anchors, self.weights).key
        return content_key("meta-reweighted", version=1, mixture=mixture, shots=self.shots.fingerprint, size=self.size)

    def pretrained(self, recipe: Recipe, seed: int, *, device: str) -> tuple[Network, Stream]:
        rows = self.rows(seed)
        network = MetaReweighting(recipe).train(rows, self.shots, seed, device=device).network
        labels = one_hot(rows.labels, len(rows.classes)).astype(np.float32)
        return network, FixedSet(as_tensor(rows.images).numpy(), labels, rows.classes)

    def rows(self, seed: int) -> LabelledSet:
        """Source images drawn in the mixture's shares, with the classes of the reference."""
        images = np.concatenate([source.images for source in self.anchors.sources])
        classes = self.anchors.reference.labels
        chances = row_weights(self.anchors, self.weights.array)
        drawn = seeds.stream(seed, "meta-reweighted").choice(len(images), self.size, p=chances / chances.sum())
        return LabelledSet(images[drawn], np.resize(classes, len(images))[drawn], self.shots.classes, "mixture rows")


@dataclass(frozen=True, eq=False)
class EnsembleTeacher:
    """A mixture whose network is self-trained with an ensemble of networks as teacher, each of another mixture.

    Networks of different mixtures make different errors, so their mean prediction is more accurate than any of them,
    and a search ends with several good mixtures. With any other adaptation it equals the plain mixture.

    Attributes:
        mixture: what the student is pretrained on.
        others: mixtures of the further teachers, each with a seed of its own.
    """

    mixture: Mixture
    others: Sequence[Mixture]

    @property
    def key(self) -> str:
        others = [other.key for other in self.others]
        return content_key("ensemble-teacher", version=1, mixture=self.mixture.key, others=others)

    def pretrained(self, recipe: Recipe, seed: int, *, device: str) -> tuple[Network, Stream]:
        return pretrain(self.mixture, recipe, seed, device=device), self.mixture

    def student(
        self, network: Network, how: SelfTraining, recipe: Recipe, shots: LabelledSet, seed: int, *, device: str
    ) -> Predictor:
        """The self-trained `network`, which `pretrained` gave."""
        numbers = [seeds.integer(seed, "teacher", i) for i in range(len(self.others))]
        others = [pretrain(one, recipe, n, device=device) for one, n in zip(self.others, numbers, strict=True)]
        return how.train_student(
            EnsemblePredictor([how.fit_teacher(one, shots, seed) for one in (network, *others)]), network, shots, seed
        )


class Variant(Protocol):
    """A way to train on the best mixture, by its name in study files.

    Attributes:
        title: the rest of its row's name, behind "best mixture, ".
    """

    title: ClassVar[str]

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        """What is trained on.

        Args:
            anchors: what mixtures are made of.
            weights: of the best mixture.
            shots: labelled images of the target.
            finalists: the race's mixtures, the best first.
        """
        ...


VARIANTS: Choice[Variant] = Choice(
    "confirm.variants",
    default=None,
    meaning="Further rows, other ways to train on the best mixture.",
    room=__name__,
    many=True,
)


def row_name(variant: type[Variant] | Variant) -> str:
    """Name of the variant's row in a confirmation."""
    return f"{BEST}, {variant.title}"


@VARIANTS.register("curated", "without the source images that harm the shots")
@dataclass(frozen=True)
class CuratedVariant:
    """See `curate_mixture`."""

    title: ClassVar[str] = "curated"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Plain(curate_mixture(anchors, weights, shots))


@VARIANTS.register("reweighted", "with all of them weighted by the derivative")
@dataclass(frozen=True)
class ReweightedVariant:
    """See `reweight_mixture`."""

    title: ClassVar[str] = "reweighted"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Plain(reweight_mixture(anchors, weights, shots))


@VARIANTS.register("condensed", f"on {PER_CLASS} learned images a class")
@dataclass(frozen=True)
class CondensedVariant:
    """See `Condensation`."""

    title: ClassVar[str] = f"condensed to {PER_CLASS} a class"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Condensed(Mixture(anchors, weights), Condensation(per_class=PER_CLASS))


@VARIANTS.register("meta-reweighted", "with all of them weighted by meta-gradient")
@dataclass(frozen=True)
class MetaReweightedVariant:
    """See `MetaReweighting`."""

    title: ClassVar[str] = "reweighted by meta-gradient"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return MetaReweighted(anchors, weights, shots)


@VARIANTS.register("ensemble-teacher", "self-trained under labels that the finalists' networks give together")
@dataclass(frozen=True)
class EnsembleTeacherVariant:
    """See `EnsembleTeacher`; needs the adaptation "self-train"."""

    title: ClassVar[str] = "ensemble teacher"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        others = [Mixture(anchors, one) for one in dict.fromkeys(finalists) if one != weights]
        return EnsembleTeacher(Mixture(anchors, weights), others[: TEACHERS - 1])
