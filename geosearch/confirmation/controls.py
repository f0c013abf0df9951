"""Controls: rows that use what a search uses, but search nothing; what a search is worth shows beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.log_evidence import logme
from geosearch.adaptation.self_training import SelfTraining
from geosearch.confirmation.candidates.base import Candidate
from geosearch.confirmation.candidates.committee_taught import CommitteeTaught
from geosearch.confirmation.candidates.contrastive import Contrastive
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS, EnsembleTeacher
from geosearch.confirmation.candidates.few_shots import FewShots
from geosearch.confirmation.candidates.fix_matched import FixMatched
from geosearch.confirmation.candidates.joint_training import JointTraining
from geosearch.confirmation.candidates.plain import Plain
from geosearch.confirmation.candidates.retrieved import Retrieved
from geosearch.confirmation.row import RowKind
from geosearch.confirmation.row_request import RowRequest
from geosearch.data.target import Target, UnlabelledCounts
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.mixture.anchors import Anchors
from geosearch.mixture.baselines import POOLED, WITHIN_LIMITS
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.retrieval import retrieve
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import Network
from geosearch.nn.train import features
from geosearch.pseudo_labels.ensemble import EnsembleLabeller
from geosearch.runtime.registry import Choice


@dataclass(frozen=True, eq=False)
class ControlInputs:
    """What the controls of one study are made of; no test label is among it.

    Attributes:
        anchors: the sources, mapped from the target.
        target: the target; its test part is not used.
        unlabelled: images of the target.
        self_training, fixmatch: how networks are adapted with these images.
        committee: gives the networks that label the reference; they are trained if the study has none.
        source_networks: gives source -> network that was pretrained on it alone.
        source_weights: gives the mixture of the weights by hypergradient.
        few_shots: gives a training of a fresh network on the shots, tuned with as many trainings as the search has.
        errors: mixture -> validation error, of the mixtures that the search trained.
        nearest: gives the nearest mixture that the limits of the study allow; None without limits.
        interpolation: gives the coefficient of the network of a mixture (see `Plain`).
        in_folds: whether rows of several folds are joined: their names must not depend on the labels.
    """

    anchors: Anchors
    target: Target
    unlabelled: UnlabelledSet
    self_training: SelfTraining
    fixmatch: FixMatch
    committee: Callable[[], EnsembleLabeller]
    source_networks: Callable[[], Mapping[int, Network]]
    few_shots: Callable[[], FineTuning]
    source_weights: Callable[[], Weights]
    errors: Mapping[Weights, float] = field(default_factory=dict)
    nearest: Callable[[Weights], Weights] | None = None
    interpolation: Callable[[Weights], float | None] = lambda _: None
    in_folds: bool = False

    @property
    def pooled(self) -> Mixture:
        """The pooled union, within the limits."""
        pooled = Weights.pooled([source.size for source in self.anchors.sources])
        return Mixture(self.anchors, self.nearest(pooled) if self.nearest else pooled)

    @property
    def pooled_name(self) -> str:
        """What the pooled union is called, within limits or not."""
        pooled = Weights.pooled([source.size for source in self.anchors.sources])
        return POOLED if self.pooled.weights == pooled else POOLED + WITHIN_LIMITS

    def allowed(self) -> tuple[int, ...]:
        """The sources that the limits allow alone."""
        m = len(self.anchors.sources)
        singles = [Weights.single(i, m) for i in range(m)]
        return tuple(i for i, one in enumerate(singles) if self.nearest is None or self.nearest(one) == one)

    def single(self, i: int) -> Mixture:
        """Source i alone."""
        return Mixture(self.anchors, Weights.single(i, len(self.anchors.sources)))

    def plain_single(self, i: int, searched_on: UnlabelledCounts | None = None) -> Plain:
        """A network of source i alone, as far from the pretrained weights as that of the search."""
        mixture = self.single(i)
        return Plain(mixture, searched_on, self.interpolation(mixture.weights))

    def single_row(self, choice: str, i: int, candidate: Candidate, *, networks: str = "") -> RowRequest:
        """The row of source i, which was chosen by `choice`; its name has the source unless folds may differ in it."""
        source = self.anchors.sources[i].name
        if self.in_folds:
            return _row(f"single by {choice}{networks}", candidate, source)
        return _row(f"single by {choice}: {source}{networks}", candidate)

    def best_single(self) -> int | None:
        """The source with the smallest validation error among those that were trained alone; None without any."""
        m = len(self.anchors.sources)
        known = {i: self.errors[one] for i in self.allowed() if (one := Weights.single(i, m)) in self.errors}
        return min(known, key=lambda i: known[i]) if known else None


class Control(Protocol):
    """A control, by its name in study files.

    Attributes:
        cost: seconds of its rows, in units of those of an ordinary baseline; measured on the quickstart.
    """

    cost: ClassVar[float]

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        """Its rows; empty if the study has nothing to train them on."""
        ...


CONTROLS: Choice[Control] = Choice(
    "confirm.controls",
    default=None,
    meaning="Further rows without a search, to tell what the search is worth.",
    room=__name__,
    many=True,
)


def control_rows(names: Sequence[str], inputs: ControlInputs) -> tuple[RowRequest, ...]:
    """The rows of controls.

    Args:
        names: of the controls, as in study files.
        inputs: what they are made of.
    """
    return tuple(row for name in names for row in CONTROLS.build(name, {}).rows(inputs))


def _row(name: str, candidate: Candidate, label: str = "") -> RowRequest:
    return RowRequest(name, candidate, RowKind.CONTROL, label)


@CONTROLS.register("committee", "the pooled union, self-trained under labels of the networks that label the reference")
@dataclass(frozen=True)
class CommitteeControl:
    """See `CommitteeTaught`."""

    cost: ClassVar[float] = 1.4

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        networks = inputs.committee().networks
        taught = CommitteeTaught(inputs.pooled, networks, inputs.self_training)
        return (_row(f"committee-taught {inputs.pooled_name}", taught),)


@CONTROLS.register("single-source", "the single source with the smallest validation error in the search")
@dataclass(frozen=True)
class SingleSourceControl:
    """The source that the objective of the search likes best; no row if the search trained none alone.

    None in folds either, where it is a baseline.
    """

    cost: ClassVar[float] = 0.0  # the baseline of that source is the same

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        best = inputs.best_single()
        if best is None or inputs.in_folds:
            return ()
        return (inputs.single_row("the objective", best, inputs.plain_single(best, inputs.target.unlabelled_counts)),)


@CONTROLS.register("single-source-teachers", "the same with as many networks of it as teachers as a search has")
@dataclass(frozen=True)
class SingleSourceTeachersControl:
    """See `EnsembleTeacher`; needs the adaptation "self-train"."""

    cost: ClassVar[float] = float(TEACHERS)

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        best = inputs.best_single()
        if best is None:
            return ()
        single = inputs.single(best)
        taught = EnsembleTeacher(single, inputs.target.unlabelled_counts, others=[single] * (TEACHERS - 1))
        return (inputs.single_row("the objective", best, taught, networks=f", {TEACHERS} networks"),)


@CONTROLS.register("transferability", "the single sources that OTDD and LogME like best; one row if they agree")
@dataclass(frozen=True)
class TransferabilityControl:
    """The single sources that two measures of transferability choose, without a search.

    OTDD is that of the maps. LogME is that of the shots on the features of a network of each source, as for the
    committee.
    """

    cost: ClassVar[float] = 0.5  # often the network of a baseline, or one row for both

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        sources, shots, allowed = inputs.anchors.sources, inputs.target.shots, inputs.allowed()
        networks = {i: network for i, network in inputs.source_networks().items() if i in allowed}
        if not networks:
            return ()
        evidence = {i: logme(features(network, shots.images), shots.labels) for i, network in networks.items()}
        chosen = {
            "OTDD": min(allowed, key=lambda i: sources[i].otdd_to_target),
            "LogME": max(evidence, key=lambda i: evidence[i]),
        }
        if inputs.in_folds:  # they may agree in some
            return [inputs.single_row(measure, i, inputs.plain_single(i)) for measure, i in chosen.items()]
        found: dict[int, list[str]] = {}
        for measure, i in chosen.items():
            found.setdefault(i, []).append(measure)
        return [inputs.single_row(" and ".join(measures), i, inputs.plain_single(i)) for i, measures in found.items()]


@CONTROLS.register("joint-training", "one network, trained on the pooled union and on the shots at once")
@dataclass(frozen=True)
class JointTrainingControl:
    """See `JointTraining`."""

    cost: ClassVar[float] = 0.75

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        return (_row(f"{inputs.pooled_name} and shots at once", JointTraining(inputs.pooled)),)


@CONTROLS.register("fixmatch", "the pooled union, adapted by FixMatch")
@dataclass(frozen=True)
class FixMatchControl:
    """See `FixMatch`; it starts from the pooled union, which no search chose."""

    cost: ClassVar[float] = 2.8

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        return (_row(f"{inputs.pooled_name}, FixMatch", FixMatched(inputs.pooled, inputs.fixmatch)),)


@CONTROLS.register("simclr", "contrastive pretraining on the unlabelled images of the target, without sources")
@dataclass(frozen=True)
class SimCLRControl:
    """See `SimCLR`."""

    cost: ClassVar[float] = 1.75

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        return (_row("SimCLR, no sources", Contrastive(inputs.unlabelled)),)


@CONTROLS.register("retrieval", "the quarter of all source images that is nearest to the target's unlabelled images")
@dataclass(frozen=True)
class RetrievalControl:
    """See `retrieve`; no row in a study with limits, which hold for weights."""

    cost: ClassVar[float] = 1.0

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        if inputs.nearest is not None:
            return ()
        pool = retrieve(inputs.anchors, inputs.unlabelled.images)
        return (_row("nearest source images", Retrieved(pool, len(inputs.unlabelled))),)


@CONTROLS.register(
    "hypergradient",
    "the weights of the sources that descend the error in one training, unsearched "
    "(Raghu et al. 2021; FastMix, Tan et al. 2026)",
)
@dataclass(frozen=True)
class HypergradientControl:
    """See `geosearch.pretraining.SourceWeighting`; the nearest weights that the limits allow, trained on from anew."""

    cost: ClassVar[float] = 1.0  # besides the training that finds them

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        found = inputs.source_weights()
        weights = inputs.nearest(found) if inputs.nearest else found
        name = "weights by hypergradient" + WITHIN_LIMITS * (weights != found and not inputs.in_folds)
        mixture = Mixture(inputs.anchors, weights)
        return (_row(name, Plain(mixture, inputs.target.unlabelled_counts, inputs.interpolation(weights))),)


@CONTROLS.register("few-shots", "no pretraining, tuned on the shots with as many trainings as the search has")
@dataclass(frozen=True)
class FewShotsControl:
    """See `FewShots`."""

    cost: ClassVar[float] = 1.0  # besides the tuning

    def rows(self, inputs: ControlInputs) -> Sequence[RowRequest]:
        return (_row("few shots, tuned as long as a search", FewShots(inputs.few_shots())),)
