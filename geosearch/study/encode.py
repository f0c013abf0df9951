"""Encode: the sets of a study as activations at the cut of its network, in place of their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from geosearch.config.build import build_embedding, build_labelling, build_network
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import DatasetCollection, load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.unlabelled import Labelling, UnlabelledSet
from geosearch.embeddings.backbone import BackboneEmbedding
from geosearch.embeddings.recalling import RecallingEncoder
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import ActivationCache
from geosearch.nn.networks import Architecture
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.train import resolve_device
from geosearch.runtime.cache import Cache
from geosearch.runtime.progress import Log, Progress
from geosearch.study.union_training import deep_recipe

AnySet: TypeAlias = LabelledSet | UnlabelledSet


def load_sets(file: StudyFile, cache: Cache, progress: Progress) -> tuple[DatasetCollection, Architecture]:
    """The sets of a study, and its network; the sets hold activations if that is where the study mixes.

    Args:
        file: the study's settings.
        cache: where activations are kept.
        progress: is told how many images are encoded.
    """
    asked: dict[str, Any] = {**file.domain.collection, "cache": cache, "seed": file.study.seed}
    if not file.mixes_features:
        network = build_network(file)
        if isinstance(network, PretrainedArchitecture):
            network = network.loaded(file.domain.size)
        return load_collection(**asked, labelling=build_labelling(file, network)), network
    activations = ActivationSets(file, cache, progress)
    labelling = build_labelling(file) and _LaterLabelling(file, activations)
    return load_collection(**asked, labelling=labelling, encode=activations.encode), activations.network


class ActivationSets:
    """Gives sets their activations in place of images; the range of the codes is fitted to the first sets.

    Args:
        file: the study's settings.
        cache: where activations are kept.
        progress: is told how many images are encoded.
    """

    def __init__(self, file: StudyFile, cache: Cache, progress: Progress) -> None:
        self.file, network = file, build_network(file)
        assert isinstance(network, PretrainedArchitecture)
        self.network = network.loaded(file.domain.size)
        deep_recipe(file)  # is needed after the search only; refused before it
        self.cache = ActivationCache(
            self.network.backbone,
            self.network.trainable,
            cache,
            jobs=file.search.jobs,
            device=str(resolve_device(file.recipe.device)),
            progress=progress,
        )

    def encode(
        self, target: Sequence[LabelledSet], unlabelled: UnlabelledSet | None, sources: Sequence[AnySet]
    ) -> tuple[list[LabelledSet], UnlabelledSet | None, list[AnySet]]:
        """Replace images by activation codes, and add the further views of the sources.

        Args:
            target: the training part, and a test part if there is one.
            unlabelled: images of the target without labels, if there are any.
            sources: labelled or not.
        """
        own: list[AnySet] = [*target, *([unlabelled] if unlabelled else [])]
        images = [data.images for data in own] + [data.images for data in sources]
        known = self.cache.compute(images)
        parts, others = [a for a, _ in known[: len(own)]], known[len(own) :]
        codes = ActivationCodes.fit([parts[0], *(a for a, _ in others)])
        self.network = replace(self.network, codes=codes)
        views = [others]
        for view in range(1, 1 + self.network.views):
            views.append(self.cache.compute([data.images for data in sources], view=view))
        encoded = [
            _with_views(data, [codes.encode(a) for a, _ in seen])
            for data, seen in zip(sources, zip(*views, strict=True), strict=True)
        ]
        self._keep_features(encoded, [np.concatenate([f for _, f in seen]) for seen in zip(*views, strict=True)])
        return (
            [replace(data, images=codes.encode(a)) for data, a in zip(target, parts, strict=False)],
            replace(unlabelled, images=codes.encode(parts[-1])) if unlabelled else None,
            encoded,
        )

    def _keep_features(self, sources: Sequence[AnySet], features: Sequence[np.ndarray]) -> None:
        """Keep the features (n, d) of the sources that came with the activations, which the embedding asks for."""
        embedding = build_embedding(self.file, self.network)
        if isinstance(embedding, BackboneEmbedding):
            for data, known in zip(sources, features, strict=True):
                RecallingEncoder.keep(embedding.activations_key, data.images, known, self.cache.cache)


def count_missing_images(file: StudyFile, collection: DatasetCollection, cache: Cache) -> int:
    """Number of images, views counted, that a study has to encode, since the cache lacks them.

    Args:
        file: the study's settings.
        collection: its sets, which hold images.
        cache: where activations are kept.
    """
    activations = ActivationSets(file, cache, Log()).cache
    sources = [source.images for source in collection.sources]
    own = [part.images for part in (collection.train, collection.test, collection.unlabelled) if part is not None]
    views = range(1, 1 + file.recipe.settings["views"])
    return activations.count_missing([*own, *sources]) + sum(
        activations.count_missing(sources, view=view) for view in views
    )


@dataclass(frozen=True)
class _LaterLabelling:
    """The labelling of a study whose network is known only once the sets are encoded."""

    file: StudyFile
    activations: ActivationSets

    @property
    def how(self) -> str:
        return self._made.how

    @property
    def labels(self) -> int:
        return self._made.labels

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        return self._made.label(data, known, seed=seed, cache=cache)

    @property
    def _made(self) -> Labelling:
        made = build_labelling(self.file, self.activations.network)
        assert made is not None
        return made


def _with_views(data: AnySet, views: Sequence[np.ndarray]) -> AnySet:
    """A set whose rows are all rows of the first view, then of the next."""
    repeated = data.take(np.tile(np.arange(len(data)), len(views)))
    return replace(repeated, images=np.concatenate(views))
