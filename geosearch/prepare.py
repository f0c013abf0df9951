"""Prepare: everything that comes before the first trial, from a study file to the hull in closed form."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from geosearch.cache import Cache
from geosearch.config import StudyFile
from geosearch.domain.dataset import LabelledSet
from geosearch.domain.embed import Encoder
from geosearch.domain.fewshot import Target, cut_target
from geosearch.domain.shelf import load_shelf
from geosearch.geodesic.anchors import Anchors, build_anchors
from geosearch.geodesic.hull import Hull
from geosearch.geodesic.mixing_space import MixingSpace
from geosearch.options import embedding_of, ground_of

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The target cut, the sources mapped, the hull in closed form."""

    target: Target
    anchors: Anchors
    hull: Hull
    train: LabelledSet
    encoder: Encoder

    def target_images(self, count: int) -> LabelledSet:
        """The reference, followed by further unlabelled target images up to `count`, all pseudo-labelled.

        There may be fewer: shots, held-out part and test part are never among them.
        """
        return self.target.with_surplus(self.train, self.encoder, count)


def prepare(file: StudyFile, space: MixingSpace, cache: Cache, stage: Stage) -> Prepared:
    """Load, harmonise, embed, cut and map; everything slow comes from the cache the second time.

    Args:
        file: the study's settings.
        space: where images are mixed.
        cache: where encoders and anchors are kept.
        stage: a context that is told the name of each stage while it runs.
    """
    domain, seed = file.domain, file.study.seed
    with stage("load"):
        shelf = load_shelf(**domain.model_dump(exclude={"shots", "reference", "held_out", "test"}), seed=seed)
    with stage("embedding"):
        encoder = embedding_of(file).fit(shelf.sources, seed=seed, cache=cache)
        parts = shelf.parts(shots=domain.shots, reference=domain.reference, held_out=domain.held_out, test=domain.test)
        target = cut_target(shelf.train, shelf.test, **parts, encoder=encoder, seed=seed)
        fitted_space = space.fit([*shelf.sources, target.reference], seed=seed, cache=cache)
    with stage("transport"):
        anchors = build_anchors(
            target.reference,
            shelf.sources,
            encoder,
            ground=ground_of(file),
            space=fitted_space,
            cache=cache,
            seed=seed,
            jobs=file.search.jobs,
        )
    return Prepared(target, anchors, Hull.of(anchors), shelf.train, encoder)
