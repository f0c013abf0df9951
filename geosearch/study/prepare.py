"""Prepare: everything before the first trial, from a study file to data sets, maps and the hull."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from geosearch.config.build import (
    build_anchor_options,
    build_copying,
    build_embedding,
    build_ensemble,
    build_label_space,
    build_network,
    build_refinement,
    build_target_labelling,
)
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import TARGET, DatasetCollection
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.registry import portable_id
from geosearch.data.read_report import ReadReport, printable
from geosearch.data.target import Labeller, Target
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.mixture.anchors import Anchors, build_anchors
from geosearch.mixture.hull import Hull
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.source_rows import Pictures
from geosearch.mixture.spaces.base import MixingSpace
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import Architecture, Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.pseudo_labels.ensemble import EnsembleLabeller
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.runtime.progress import Log, Progress
from geosearch.study.encode import load_sets

MOST_NETWORKS = 8  # sources with a network of their own

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data of a study, ready for a search.

    Attributes:
        target: the target, split into shots, reference, held-out part and test part.
        anchors: the sources, mapped from the target.
        hull: closed-form distances of their mixtures.
        pool: the images that the target's unlabelled parts were taken from.
        collection: the sets as they were loaded.
        network: the network that is trained; a pretrained one with what it knows of the sets.
        teachers: what the networks that label the reference were pretrained on; empty if none label it.
    """

    target: Target
    anchors: Anchors
    hull: Hull
    pool: LabelledSet | UnlabelledSet
    collection: DatasetCollection
    network: Architecture
    teachers: tuple[Mixture, ...] = ()

    @property
    def train(self) -> LabelledSet:
        """All images of a benchmark's target with their true labels, for measurements of what was hidden.

        Raises:
            InvalidOptionError: the study is no benchmark, so nothing was hidden.
        """
        if not isinstance(self.pool, LabelledSet) or self.target.is_copied:
            raise InvalidOptionError("only a benchmark (domain.shots without domain.unlabelled) has hidden labels")
        return self.pool

    @property
    def pictures(self) -> Pictures | None:
        """The images of sets that hold activations; None where they hold images."""
        collection = self.collection
        if not collection.pictures:
            return None
        own = [part.images for part in (collection.train, collection.unlabelled) if part is not None]
        codes = {TARGET: np.concatenate(own), **{one.name: one.images for one in collection.sources}}
        return Pictures(codes, collection.pictures)

    def target_images(self, count: int) -> LabelledSet:
        """The reference, followed by further unlabelled target images up to `count`, all pseudo-labelled.

        There may be fewer: shots, held-out part and test part are never among them.
        """
        return self.target.with_surplus(self.pool, count)

    def unlabelled(self, count: int) -> UnlabelledSet:
        """The target's images without labels, up to `count`; the reference comes first."""
        return self.target.unlabelled(self.pool, count)


def prepare(
    file: StudyFile,
    space: MixingSpace,
    cache: Cache,
    stage: Stage,
    *,
    loaded: Callable[[DatasetCollection], None] = lambda collection: None,
    progress: Progress | None = None,
) -> Prepared:
    """Load, harmonize, embed, split and map the data sets; slow steps are cached.

    Args:
        file: the study's settings.
        space: where images are mixed.
        cache: where encoders and anchors are stored.
        stage: makes the context of each stage, from its name.
        loaded: called with the sets before the slow steps; may raise.
        progress: is told how many images a pretrained network has encoded.
    """
    with stage("load"):
        collection, network = load_sets(file, cache, progress or Log())
        collection = replace(collection, contents={**collection.contents, **_further_contents(collection, network)})
        loaded(collection)
    return prepare_collection(file, collection, space, cache, stage, network=network)


def _further_contents(collection: DatasetCollection, network: Architecture) -> dict[str, str]:
    """What a study depends on besides its images and labels -> content key."""
    names = {"names of the target's classes": content_key("classes", names=collection.train.classes)}
    return names | ({"recipe.weights": network.content} if isinstance(network, PretrainedArchitecture) else {})


def prepare_collection(
    file: StudyFile,
    collection: DatasetCollection,
    space: MixingSpace,
    cache: Cache,
    stage: Stage = lambda name: nullcontext(),
    *,
    network: Architecture | None = None,
    without: np.ndarray | None = None,
) -> Prepared:
    """Embed, split and map the data sets of a collection; slow steps are cached.

    Args:
        file, space, cache, stage: as for `prepare`.
        collection: the sets.
        network: the network that is trained (`Prepared.network`); that of the file if None.
        without: row numbers of the target's labelled images (`Target.shots`) that are left out, as if they were not
            there; none if None. What does not depend on labels comes from the cache.
    """
    seed, network = file.study.seed, network or build_network(file)
    with stage("embedding"):
        encoder = build_embedding(file, network).fit(collection.sources, seed=seed, cache=cache)
        fit_labels = partial(build_target_labelling(file, network).fit, encoder=encoder)
        target, pool = build_target(file, collection, fit_labels, without)
        mapped = target.shots.take(target.rows["reference"]) if target.is_copied else target.shots
        options: dict[str, Any] = {
            "options": build_anchor_options(file),
            "shots": mapped,  # those that distances are measured to are in no map
            "label_space": build_label_space(file).fit(collection.sources, encoder),
            "space": space.fit([*collection.sources, target.reference], seed=seed, cache=cache),
            "cache": cache,
            "seed": seed,
            "jobs": file.search.jobs,
        }
    with stage("transport"):
        anchors = build_anchors(target.reference, collection.sources, encoder, **options)
    mixtures: list[Mixture] = []
    if refinement := build_refinement(file, network):
        with stage("refinement"):
            mixtures = _teachers(anchors, singles=refinement.members > 1)
            seen = np.concatenate([target.reference.images, target.held_out.images])
            labeller = refinement.fit(mixtures, target.shots, seen, seed=seed, cache=cache, jobs=file.search.jobs)
            target = target.relabel(labeller)
            anchors = build_anchors(target.reference, collection.sources, encoder, **options)
    return Prepared(target, anchors, Hull.of(anchors), pool, collection, network, tuple(mixtures))


def build_target(
    file: StudyFile,
    collection: DatasetCollection,
    fit_labels: Callable[[LabelledSet, np.ndarray], Labeller],
    without: np.ndarray | None = None,
) -> tuple[Target, LabelledSet | UnlabelledSet]:
    """The target of a study, and the images that its unlabelled parts were taken from.

    Args:
        without: see `prepare_collection`.

    Raises:
        DomainMismatchError: too few images for all parts.
    """
    domain = file.domain
    return collection.target(
        shots=domain.shots,
        reference=domain.reference,
        held_out=domain.held_out,
        test_size=domain.test_size,
        fit_labels=fit_labels,
        augment=build_copying(file),
        hold_out=file.confirm.hold_out,
        without=without,
        seed=file.study.seed,
    )


def passed_over(reports: Sequence[ReadReport]) -> tuple[tuple[str, str], ...]:
    """(data set, what of it was not used and why, or how it was understood): what card, page and status say of it."""
    return tuple(
        (printable(portable_id(report.spec)) + ", test part" * (report.part == "test"), line)
        for report in reports
        for line in report.lines
    )


def build_committee(file: StudyFile, prepared: Prepared, cache: Cache) -> EnsembleLabeller:
    """Several networks that label the target: those that label the reference, or the same of a study without them."""
    labeller = prepared.target.labeller
    if isinstance(labeller, EnsembleLabeller) and len(labeller.networks) > 1:
        return labeller
    target, mixtures = prepared.target, _teachers(prepared.anchors, singles=True)
    seen = np.concatenate([target.reference.images, target.held_out.images])
    asked: dict[str, Any] = {"seed": file.study.seed, "cache": cache, "jobs": file.search.jobs}
    return build_ensemble(file, prepared.network).fit(mixtures, target.shots, seen, **asked)


def build_source_networks(file: StudyFile, prepared: Prepared, cache: Cache) -> dict[int, Network]:
    """Source -> network that was pretrained on it alone.

    There are networks of the `MOST_NETWORKS` nearest sources at most. Where a committee labels the reference they are
    its candidates, and the cache has them.
    """
    sources = prepared.anchors.sources
    singles = [Mixture(prepared.anchors, Weights.single(i, len(sources))) for i in range(len(sources))]
    trained = {one.weights: one for one in prepared.teachers}
    mixtures = {i: trained[one.weights] for i, one in enumerate(singles) if one.weights in trained}
    if len(mixtures) < min(len(singles), MOST_NETWORKS):  # no committee
        mixtures = {i: singles[i] for i in _nearest(prepared.anchors)}
    train = partial(build_ensemble(file, prepared.network).train_member, seed=file.study.seed, cache=cache)
    calls = [(train, (mixture, prepared.target.shots)) for mixture in mixtures.values()]
    networks = [one.network for one in in_processes(calls, file.search.jobs)]
    return dict(zip(mixtures, networks, strict=True))


def _nearest(anchors: Anchors) -> list[int]:
    """The `MOST_NETWORKS` sources that are nearest to the target, in the order of the sources."""
    distances = [source.otdd_to_target for source in anchors.sources]
    return sorted(np.argsort(distances, kind="stable")[:MOST_NETWORKS].tolist())


def _teachers(anchors: Anchors, *, singles: bool) -> list[Mixture]:
    """Mixtures that networks are pretrained on to label the reference: the cloud, the pooled union, nearest sources."""
    m = len(anchors.sources)
    weights = [
        Weights.of(Hull.of(anchors).projection().values, concentration=2.0),
        Weights.pooled([source.size for source in anchors.sources]),
    ]
    weights += [Weights.single(i, m) for i in _nearest(anchors)] if singles else []
    return [Mixture(anchors, one) for one in dict.fromkeys(weights)]  # a projection may be a single source
