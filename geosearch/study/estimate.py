"""Estimate: size, memory and time of a study, before it is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from geosearch.config.build import (
    build_labelling,
    build_limits,
    build_network,
)
from geosearch.config.read import read_study
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.own_target import describe_counts
from geosearch.data.read_report import ReadReport
from geosearch.data.target import Target
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.baselines import count_baselines
from geosearch.nn.precision import has_bfloat16
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.train import resolve_device
from geosearch.pseudo_labels.nearest import NearestShot
from geosearch.runtime.cache import Cache
from geosearch.runtime.duration import duration, whole_minutes
from geosearch.study.build_search import check_judges, check_labels
from geosearch.study.missing_data import explain_missing_data
from geosearch.study.pace import fitting_seconds, measure_step
from geosearch.study.prepare import build_target
from geosearch.study.training_steps import count_steps, weigh_sources

MANY_SHOTS = 20  # a class: from here on fine-tuned errors differ by their noise on all four sets that were measured


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
    target, pool = build_target(file, collection, partial(NearestShot().fit, encoder=PixelEncoder()))
    parts = {
        **({"labels": len(target.shots)} if domain.shots is None else {"shots": domain.shots}),
        "reference": len(target.reference),
        "held_out": len(target.held_out),
        "test_size": len(target.test_images),
    }
    check_labels(file, target)
    check_judges(file, target)
    classes = sum(len(source.classes) for source in collection.sources)
    step = measure_step(file, classes)
    judges = target.judges_itself
    unlabelled = len(target.unlabelled(pool, file.recipe.unlabelled))
    judged = len(target.shots) if judges else parts["test_size"]
    read = unlabelled + (1 + file.fine_tunes_mixtures) * judged  # all heads read the same features
    steps = count_steps(file, len(collection.sources), cross_fits=judges, labels=len(target.shots), images=read)
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
        peak_bytes=int(images * _image_bytes(file) + plan + (1 + search.jobs) * _process_bytes(file)),
        wall_seconds=steps * step / search.jobs + fitting_seconds(file, collection) + 15,
        advice=(*target.notes, *_advice(file, target)),
        reports=collection.reports,
    )


def _process_bytes(file: StudyFile) -> float:
    """Of a process besides the sets; the deep union keeps the activations of more stages for a batch of images."""
    return (0.8 + 0.3 * bool(file.recipe.settings["union_stages"])) * 2**30


def _image_bytes(file: StudyFile) -> int:
    """Of an image and a copy of it; of activations their codes and the float16 numbers that these are made of."""
    pixels = 2 * file.domain.size**2 * int(file.domain.channels)
    network = build_network(file)
    if not file.mixes_features or not isinstance(network, PretrainedArchitecture):
        return pixels
    shape = network.backbone.load(file.domain.size).cut(network.trainable).shape
    return max(pixels, 3 * math.prod(shape))


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
    if file.recipe.precision == "bfloat16" and not has_bfloat16(resolve_device(file.recipe.device).type):
        found.append("this machine has no instructions for bfloat16; trainings compute in float32, which takes longer")
    if 0 < (tested := len(target.test_images)) < 500:
        found.append(f"only {tested} test images: small differences will be ties")
    if file.confirm.seeds < 3 and not target.judges_itself:
        wide = "no intervals" if file.confirm.seeds == 1 else "very wide intervals"
        found.append(f"fewer than 3 confirmation seeds: {wide}")
    return tuple(found)
