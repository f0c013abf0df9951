"""Estimate: size, memory and time of a study, before it is run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from geosearch.adaptation.fine_tune import FineTuning
from geosearch.adaptation.fixmatch import FixMatch
from geosearch.adaptation.from_scratch import LENGTH
from geosearch.adaptation.self_training import SelfTraining
from geosearch.adaptation.tuning import Tuner
from geosearch.config.build import (
    build_adaptations,
    build_labelling,
    build_limits,
    build_network,
    build_recipe,
    build_refinement,
)
from geosearch.config.read import read_study
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.ablation import MOST_LEFT_OUT
from geosearch.confirmation.candidates.ensemble_teacher import TEACHERS
from geosearch.confirmation.controls import CONTROLS
from geosearch.data.collection import DatasetCollection, load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.own_target import describe_counts
from geosearch.data.read_report import ReadReport
from geosearch.data.target import Target
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import TooLargeError
from geosearch.mixture.baselines import MOST_SINGLE, count_baselines
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import encode_block
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.timing import free_clock, measure_pace
from geosearch.nn.train import resolve_device
from geosearch.pretraining.source_weighting import TRAININGS
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache
from geosearch.runtime.duration import duration, whole_minutes
from geosearch.runtime.parallel import one_thread
from geosearch.study.build import check_labels
from geosearch.study.encode import count_missing_images
from geosearch.study.missing_data import explain_missing_data
from geosearch.study.prepare import MOST_NETWORKS, build_target
from geosearch.transport.maps.base import Pair
from geosearch.transport.maps.neural.map import Neural

NEED_COMMITTEE = {"committee", "transferability"}  # controls
MANY_SHOTS = 20  # a class: from here on fine-tuned errors differ by their noise on all four sets that were measured


_MAPPING = 4e-3  # processor seconds of a source image in features, label distances and plans; six sources of 4,000
_TIMED = 48  # images that a pretrained network is timed on


@dataclass(frozen=True)
class Estimate:
    """Sizes, memory and time of a study.

    Attributes:
        study: its name.
        target: name of the target.
        target_images, target_classes: number of its training images and of its classes.
        parts: part of the target -> number of images.
        sources: name, number of images and classes, license, and method of pseudo-labelling of each.
        evaluations: the budget.
        peak_bytes: memory.
        wall_seconds: time on this machine, if it does nothing else.
        advice: sentences about settings that may disappoint.
        reports: accounts of what the readers of the sets took and passed over.
    """

    study: str
    target: str
    target_images: int
    target_classes: int
    parts: dict[str, int]
    sources: tuple[dict[str, Any], ...]
    evaluations: int
    peak_bytes: int
    wall_seconds: float
    advice: tuple[str, ...]
    reports: tuple[ReadReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-representable."""
        return {**asdict(replace(self, reports=())), "reports": [report.to_json() for report in self.reports]}

    def text(self) -> str:
        """Several lines for a terminal."""
        parts = ", ".join(f"{name.replace('_size', '')} {size}" for name, size in self.parts.items())
        lines = [
            f"study {self.study}",
            f"  target    {self.target}: {self.target_images} images, {self.target_classes} classes; {parts}",
        ]
        lines += [
            f"  source    {entry['name']}: {entry['images']} images, {entry['classes']} classes, {entry['license']}"
            + (f"; no labels, pseudo-labels by {entry['labelled_by']}" if entry["labelled_by"] else "")
            for entry in self.sources
        ]
        lines += [
            f"  files     {report.spec}{', test part' * (report.part == 'test')}: {line}"
            for report in self.reports
            for line in report.lines
        ]
        lines += [
            f"  budget    {self.evaluations} evaluations",
            f"  memory    about {self.peak_bytes / 2**30:.1f} GiB",
            f"  time      about {duration(whole_minutes(self.wall_seconds))} on this machine",
        ]
        return "\n".join([*lines, *(f"  note      {line}" for line in self.advice)])


@dataclass(frozen=True)
class _Placeholder:
    """Stands in for a labelling: assigns as many labels as it would, in turn, without fitting anything."""

    labelling: Labelling

    @property
    def how(self) -> str:
        return self.labelling.how

    @property
    def labels(self) -> int:
        return self.labelling.labels

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        if not known:  # the labelling may need some, and then says so
            return self.labelling.label(data, known, seed=seed, cache=cache)
        return data.with_labels(np.arange(len(data)) % self.labels, self.how)


def check(path: str | Path) -> Estimate:
    """Read a study file, load its data sets, time a few training steps, and add everything up.

    Args:
        path: a study file.

    Raises:
        InvalidOptionError: the study file is invalid, its budget too small, or no mixture satisfies its limits.
        TooLargeError: a training step does not fit into memory.
    """
    file = read_study(Path(path))
    build_limits(file)  # raises if no mixture satisfies them
    file.require_budget()
    domain, search = file.domain, file.search
    way = build_labelling(file)
    with explain_missing_data(file):
        collection = load_collection(
            **domain.collection, labelling=_Placeholder(way) if way else None, seed=file.study.seed
        )
    target, _ = build_target(file, collection, partial(NearestShot().fit, encoder=PixelEncoder()))
    parts = {
        **({"labels": len(target.shots)} if domain.shots is None else {"shots": domain.shots}),
        "reference": len(target.reference),
        "held_out": len(target.held_out),
        "test_size": len(target.test_images),
    }
    check_labels(file, target)
    classes = sum(len(source.classes) for source in collection.sources)
    step = measure_step(file, classes)
    steps = count_steps(file, len(collection.sources), cross_fits=target.judges_itself, labels=len(target.shots))
    pixels = domain.size**2 * domain.channels
    images = len(collection.train) + sum(len(source) for source in collection.sources)
    plan = 24 * parts["reference"] ** 2 * search.jobs
    return Estimate(
        study=file.study.name,
        target=target.name,
        target_images=len(collection.train) + len(collection.unlabelled or ()),
        target_classes=len(collection.train.classes),
        parts=parts,
        sources=tuple(
            {
                "name": s.name,
                "images": len(s),
                "classes": len(s.classes),
                "license": s.license,
                "labelled_by": s.labelled_by,
            }
            for s in collection.sources
        ),
        evaluations=search.evaluations,
        peak_bytes=int(2 * images * pixels + plan + (1 + search.jobs) * 0.8 * 2**30),
        wall_seconds=steps * step / search.jobs + _fitting_seconds(file, collection) + 15,
        advice=(*target.notes, *_advice(file, target)),
        reports=collection.reports,
    )


def measure_step(file: StudyFile, classes: int) -> float:
    """Seconds of one step of pretraining on this machine, on so many classes, measured on a few.

    Raises:
        TooLargeError: a step does not fit into memory.
    """
    try:
        with one_thread():
            network = build_network(file)
            height, width, channels = file.domain.size, file.domain.size, int(file.domain.channels)
            if file.mixes_features and isinstance(network, PretrainedArchitecture):
                network = network.loaded(file.domain.size)
                codes = ActivationCodes.blank(network.backbone.load(height).cut(network.trainable).shape)
                network, (height, width, channels) = replace(network, codes=codes), codes.image_shape
            shape: dict[str, Any] = {"channels": channels, "size": height, "width": width, "classes": classes}
            recipe = build_recipe(file, network)
            return measure_pace(recipe, **shape, device=file.recipe.device).step_seconds
    except (RuntimeError, MemoryError) as error:  # torch's ways to say that memory does not suffice
        raise TooLargeError(
            f"a training step cannot be made on this machine ({str(error).splitlines()[0]}); "
            "lower recipe.width, recipe.batch or domain.size"
        ) from error


def count_steps(file: StudyFile, sources: int, *, cross_fits: bool = False, labels: int | None = None) -> float:
    """Steps of pretraining that all trainings of a study of so many sources are worth.

    Args:
        file: the study's settings.
        sources: m
        cross_fits: whether the labels judge, for want of a test part.
        labels: of the target; as many as a batch if None. A fine-tuning of activations computes each once in a batch.
    """
    search, recipe = file.search, file.recipe
    finalists = search.finalists * search.repeats * (search.evaluations > 0)
    steps: float = (search.evaluations + weigh_sources(file)) * recipe.steps + finalists * recipe.long_steps
    steps += min(sources, MOST_LEFT_OUT) * recipe.long_steps * file.confirm.explain
    steps += _refinement_steps(file, sources)
    share = min(1.0, (labels or recipe.batch) / recipe.batch) if file.mixes_features else 1.0
    judge = _cross_fitting_steps if cross_fits else _confirmation_steps
    return steps + judge(file, sources, share)


def weigh_sources(file: StudyFile) -> float:
    """What the weights of the sources by hypergradient cost, in trainings; 0 if the study does without."""
    is_searched = file.search.evaluations > 0 and file.search.sampler == "hypergradient"
    return TRAININGS * (is_searched or "hypergradient" in file.confirm.controls)


def _confirmation_steps(file: StudyFile, sources: int, share: float) -> float:
    confirm, recipe = file.confirm, file.recipe
    rows: float = min(count_baselines(file.search.evaluations, sources), MOST_SINGLE + 5) + 2
    rows += len({*confirm.variants} - {"ensemble-teacher"})
    rows += sum(CONTROLS.entry(name).option.cost for name in confirm.controls)
    longest = LENGTH * recipe.long_steps  # of a tuned adaptation, on average about half as long
    steps = rows * confirm.seeds * (recipe.long_steps + share * _fine_tuning_steps(file) + _semi_supervised_steps(file))
    steps += recipe.long_steps + 2 * confirm.tuning * Tuner().folds * longest / 2
    steps += file.search.evaluations * Tuner().folds * longest / 2 * ("few-shots" in confirm.controls)
    refinement = build_refinement(file)
    if NEED_COMMITTEE & {*confirm.controls} and (refinement is None or refinement.members == 1):
        steps += (2 + min(sources, MOST_NETWORKS)) * recipe.long_steps
    if "ensemble-teacher" in confirm.variants:
        steps += confirm.seeds * TEACHERS * recipe.long_steps
    return steps


def _fine_tuning_steps(file: StudyFile) -> float:
    """Of one row and training: about half of the longest that tuning may choose, or as many as there are untuned."""
    if file.confirm.tuning:
        return LENGTH * file.recipe.long_steps / 2
    how = build_adaptations(file)["fine-tune"]
    assert isinstance(how, FineTuning)
    return float(how.steps)


def _cross_fitting_steps(file: StudyFile, sources: int, share: float) -> float:
    """In each fold: labels, a choice among finalists and baselines, and six rows."""
    search, recipe = file.search, file.recipe
    rows = 6 * (recipe.long_steps + share * _fine_tuning_steps(file) + _semi_supervised_steps(file))
    choice = (search.finalists + count_baselines(search.evaluations, sources)) * recipe.steps
    return file.confirm.folds * file.confirm.repeats * (rows + choice + _refinement_steps(file, sources))


def _refinement_steps(file: StudyFile, sources: int) -> float:
    """Of the networks that label the target: two mixtures, and for an ensemble the nearest single sources."""
    refinement = build_refinement(file)
    if refinement is None:
        return 0.0
    return (2 + min(sources, MOST_NETWORKS) * (refinement.members > 1)) * refinement.recipe.steps


def _semi_supervised_steps(file: StudyFile) -> float:
    """Of one row and training, of an adaptation that learns from unlabelled images."""
    how = build_adaptations(file)[file.recipe.adaptation]
    if isinstance(how, SelfTraining):
        return how.head_steps + how.steps
    if isinstance(how, FixMatch):  # a batch holds two views of every unlabelled image
        return how.steps * (1 + 2 * how.ratio)
    return 0.0


def _fitting_seconds(file: StudyFile, collection: DatasetCollection) -> float:
    """Seconds that an encoder, trained maps and a trained mixing space take, measured on a few images of the study."""
    if file.mixes_features:
        return _encoding_seconds(file, collection)
    if file.transport.map != "neural" and file.transport.space != "autoencoder":
        return 0.0
    few = [each.sample(64, np.random.default_rng(0)) for each in (collection.train, *collection.sources)]
    seconds = 0.0
    with TemporaryDirectory() as folder, one_thread():
        cache = Cache(Path(folder))
        for steps in (2, 8):  # the difference leaves out what is paid once
            sign = -1 if steps == 2 else 1
            start = time.perf_counter()
            if file.transport.map == "neural":
                table = np.zeros((len(few[0].classes), len(few[1].classes)))
                option = Neural(steps=steps, classifier=Recipe(steps=1), device=file.recipe.device)
                option.fit(Pair(few[0], few[1], PixelEncoder(), table), seed=0, cache=cache)
                done = time.perf_counter() - start
                seconds += sign * done / 6 * file.transport.settings["map_steps"] * len(collection.sources)
            if file.transport.space == "autoencoder":
                start = time.perf_counter()
                Autoencoder(steps=steps).fit(few, seed=0, cache=cache)
                seconds += sign * (time.perf_counter() - start) / 6 * Autoencoder().steps
    return max(seconds, 0.0)


def _encoding_seconds(file: StudyFile, collection: DatasetCollection) -> float:
    """Of the pass over all images that the cache lacks, and of the maps of activations to each source."""
    missing = count_missing_images(file, collection, Cache.default())
    return missing * measure_encoding(file) + _MAPPING * sum(map(len, collection.sources)) / file.search.jobs


def measure_encoding(file: StudyFile) -> float:
    """Seconds that an image takes, of a pass of the pretrained network over all; the cache may have it already."""
    network = build_network(file)
    assert isinstance(network, PretrainedArchitecture)
    device, side = str(resolve_device(file.recipe.device)), file.domain.size
    blank = np.zeros((_TIMED, side, side, int(file.domain.channels)), np.uint8)
    call = (network.backbone, network.trainable, device, 0, 0)
    with one_thread():
        encode_block(*call, blank[:8])  # loads it
        clock = free_clock(device)
        start = clock()
        encode_block(*call, blank)
        each = (clock() - start) / len(blank)
    return each / (file.search.jobs if device == "cpu" else 1)


def _advice(file: StudyFile, target: Target) -> tuple[str, ...]:
    found = [file.regime] if file.regime else []
    evaluations = file.search.evaluations
    baselines = count_baselines(evaluations, len(file.domain.sources))
    if not evaluations:
        found.append("no search: the projection's cloud is confirmed and written out")
    elif evaluations < baselines + 10:
        found.append(f"{baselines} of the {evaluations} evaluations are baselines; the search is short")
    if trainings := weigh_sources(file):
        found.append(f"the weights by hypergradient take the time of {trainings:g} more trainings, besides evaluations")
    if file.recipe.adaptation in ("fine-tune", "regularized", "rehearse", "self-train"):
        if target.counts.mean() >= MANY_SHOTS:
            found.append(
                f"with {describe_counts(target.counts)} and the whole network trained on them, mixtures differ by "
                "about their noise (reports/transfer/where-it-pays.md): "
                "the pooled union will most likely do as well, unsearched"
            )
        else:
            found.append(
                f"{'after self-training' if file.recipe.adaptation == 'self-train' else 'after full fine-tuning'} "
                "the choice of data matters less than with frozen features"
            )
    if file.recolour and file.recipe.recolour is None:
        found.append(
            "color images are recoloured in training: right where shape tells the classes apart (digits, signs); "
            "on photographs set recipe.recolour = 0 (reports/transfer/colour.md)"
        )
    if 0 < (tested := len(target.test_images)) < 500:
        found.append(f"only {tested} test images: small differences will be ties")
    if file.confirm.seeds < 3 and not target.judges_itself:
        wide = "no intervals" if file.confirm.seeds == 1 else "very wide intervals"
        found.append(f"fewer than 3 confirmation seeds: {wide}")
    return tuple(found)
