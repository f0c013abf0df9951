"""Variants: other ways to train on the best mixture, each a row of the confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from geosearch.confirmation.candidates.base import Candidate
from geosearch.confirmation.candidates.condensed import Condensed
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS, EnsembleTeacher
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.candidates.sample_weighted import SampleWeighted
from geosearch.confirmation.row import BEST
from geosearch.curation.curated_mixture import curate_mixture, reweight_mixture
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.weights import Weights
from geosearch.pretraining.advisor import AdvisorNetwork
from geosearch.pretraining.domain_weighting import DomainWeighting
from geosearch.pretraining.importance_weighting import ImportanceWeighting
from geosearch.pretraining.mentor import MentorNet
from geosearch.pretraining.meta_reweighting import MetaReweighting
from geosearch.pretraining.sample_weighting import SampleWeighting
from geosearch.runtime.registry import Choice

PER_CLASS = 50  # learned images


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


@VARIANTS.register(
    "curated",
    "without the source images that harm the shots, by the derivative of their error (DIVA, Dukler et al. 2022)",
)
@dataclass(frozen=True)
class CuratedVariant:
    """See `curate_mixture`."""

    title: ClassVar[str] = "curated"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Plain(curate_mixture(anchors, weights, shots))


@VARIANTS.register("reweighted", "with all of them weighted by a few steps along the derivative (Dukler et al. 2022)")
@dataclass(frozen=True)
class ReweightedVariant:
    """See `reweight_mixture`."""

    title: ClassVar[str] = "reweighted"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Plain(reweight_mixture(anchors, weights, shots))


@VARIANTS.register(
    "condensed", f"on {PER_CLASS} learned images a class, whose features match those of the mixture (Zhao & Bilen 2023)"
)
@dataclass(frozen=True)
class CondensedVariant:
    """See `Condensation`."""

    title: ClassVar[str] = f"condensed to {PER_CLASS} a class"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return Condensed(Mixture(anchors, weights), Condensation(per_class=PER_CLASS))


class WeightedVariant:
    """Base class of variants that weigh the mixture's source images while a network is trained on them.

    Attributes:
        method: what weighs them; see there.
    """

    method: ClassVar[type[SampleWeighting]]

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        return SampleWeighted(anchors, weights, shots, self.method)


@VARIANTS.register(
    "meta-reweighted",
    "with all of them weighted, in every batch, by how far they lower the error of the shots (Ren et al. 2018)",
)
@dataclass(frozen=True)
class MetaReweightedVariant(WeightedVariant):
    title: ClassVar[str] = "reweighted by meta-gradient"
    method: ClassVar[type[SampleWeighting]] = MetaReweighting


@VARIANTS.register(
    "importance", "with all of them weighted by the density of the shots around them, in every batch (Fang et al. 2020)"
)
@dataclass(frozen=True)
class ImportanceVariant(WeightedVariant):
    title: ClassVar[str] = "weighted by importance"
    method: ClassVar[type[SampleWeighting]] = ImportanceWeighting


@VARIANTS.register(
    "domain-classifier",
    "with all of them weighted once, by how much a classifier takes them for shots "
    "(Bickel et al. 2007; Xie et al. 2023)",
)
@dataclass(frozen=True)
class DomainClassifierVariant(WeightedVariant):
    title: ClassVar[str] = "weighted by a domain classifier"
    method: ClassVar[type[SampleWeighting]] = DomainWeighting


@VARIANTS.register(
    "mentor",
    "with all of them weighted by a network that learns on the shots which losses to believe "
    "(MentorNet, Jiang et al. 2018)",
)
@dataclass(frozen=True)
class MentorVariant(WeightedVariant):
    title: ClassVar[str] = "weighted by a mentor"
    method: ClassVar[type[SampleWeighting]] = MentorNet


@VARIANTS.register("advisor", "with their features scaled by a network that learns it on the shots (Ricci et al. 2022)")
@dataclass(frozen=True)
class AdvisorVariant(WeightedVariant):
    title: ClassVar[str] = "scaled by an advisor"
    method: ClassVar[type[SampleWeighting]] = AdvisorNetwork


@VARIANTS.register("ensemble-teacher", "self-trained under labels that the finalists' networks give together")
@dataclass(frozen=True)
class EnsembleTeacherVariant:
    """See `EnsembleTeacher`; needs the adaptation "self-train"."""

    title: ClassVar[str] = "ensemble teacher"

    def candidate(
        self, anchors: Anchors, weights: Weights, shots: LabelledSet, finalists: Sequence[Weights]
    ) -> Candidate:
        others = [Mixture(anchors, one) for one in dict.fromkeys(finalists) if one != weights]
        return EnsembleTeacher(Mixture(anchors, weights), others=others[: TEACHERS - 1])
