"""Pace of a study on this machine: seconds of a step, of an image that is encoded, and of all that is fitted before."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from geosearch.config.build import (
    build_network,
    build_recipe,
)
from geosearch.config.regimes import INTERPOLATION
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import DatasetCollection
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import TooLargeError
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.nn.activation_codes import ActivationCodes
from geosearch.nn.activations import encode_block
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import FixedSet
from geosearch.nn.timing import free_clock, measure_pace
from geosearch.nn.train import pretrain, resolve_device
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import one_thread
from geosearch.study.encode import count_missing_images
from geosearch.study.union_training import TRAININGS, UnionTraining, deep_recipe
from geosearch.transport.maps.base import Pair
from geosearch.transport.maps.neural.map import Neural

_MAPPING = 2e-3  # processor seconds of a source image in label distances and plans; six sources of 4,000
_CROWDED = 1.15  # a step of activations beside that of another process, in steps alone: they share the memory
PROPOSING = 1.0  # seconds of a trial of activations besides its training: proposal and proxy, which no process shares
_UNION_STEPS = 3  # on which the training of the deep union is timed
_TIMED = 48  # images that a pretrained network is timed on


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
            alone = measure_pace(recipe, **shape, device=file.recipe.device).step_seconds
            return alone * _CROWDED if file.mixes_features and file.search.jobs > 1 else alone
    except (RuntimeError, MemoryError) as error:  # torch's ways to say that memory does not suffice
        raise TooLargeError(
            f"a training step cannot be made on this machine ({str(error).splitlines()[0]}); "
            "lower recipe.width, recipe.batch or domain.size"
        ) from error


def fitting_seconds(file: StudyFile, collection: DatasetCollection) -> float:
    """Seconds that an encoder, trained maps and a trained mixing space take, measured on a few images of the study."""
    if file.mixes_features:
        return _activation_seconds(file, collection)
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


def _activation_seconds(file: StudyFile, collection: DatasetCollection) -> float:
    """Of the pass over all images that the cache lacks, of the maps of activations to each source, and of proposals."""
    missing = count_missing_images(file, collection, Cache.default())
    maps = _MAPPING * sum(map(len, collection.sources)) / file.search.jobs
    union = _union_seconds(file, collection)
    return missing * measure_encoding(file) + maps + PROPOSING * file.search.evaluations + union


def _union_seconds(file: StudyFile, collection: DatasetCollection) -> float:
    """Of the deep union: the trainings that the cache lacks, and what it reads out of the target's images.

    Those that judge are read at every coefficient, the others at the one that is chosen; folds may choose another.

    With sources that are still to be pseudo-labelled the cache cannot be asked, and all trainings are counted.
    """
    training = UnionTraining.of(file, collection)
    if training is None:
        return 0.0
    own = sum(len(part) for part in (collection.train, collection.unlabelled, collection.test) if part is not None)
    labelled = (file.domain.shots or 0) * len(collection.train.classes) or len(collection.train)
    judged = labelled if file.search.objective == "leave-one-out" else own
    own += judged * (len(INTERPOLATION) - 2)
    classes = sum(len(source.classes) for source in collection.sources)
    missing = training.missing(Cache.default())
    return own * measure_encoding(file) + (measure_union(file, classes, missing) if missing else 0.0)


def measure_union(file: StudyFile, classes: int, trainings: int = TRAININGS) -> float:
    """Seconds of the trainings of the deep union on so many classes, measured on a few steps; 0 without one."""
    recipe = deep_recipe(file)
    if recipe is None:
        return 0.0
    device, side = file.recipe.device, file.domain.size
    images = np.zeros((recipe.batch, int(file.domain.channels), side, side), np.float32)
    noise = FixedSet(images, np.full((recipe.batch, classes), 1 / classes, np.float32))
    recipe, steps = replace(recipe, early_stop=None), recipe.steps
    clock, took = free_clock(str(resolve_device(device))), []
    try:
        with one_thread():
            for count in (1, 1, 1 + _UNION_STEPS):  # the first one loads what the others need
                start = clock()
                pretrain(noise, recipe.scaled(count), 0, device=device)
                took.append(clock() - start)
    except (RuntimeError, MemoryError) as error:  # as in `measure_step`
        raise TooLargeError(
            f"a training step on all sources cannot be made on this machine ({str(error).splitlines()[0]}); lower "
            "recipe.union_stages or domain.size"
        ) from error
    return trainings * steps * max(took[2] - took[1], took[2] / 2) / _UNION_STEPS


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
