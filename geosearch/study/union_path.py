"""UnionPath: the networks between a pretrained one and the deep union, and what they read of the target's images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from geosearch import seeds
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.config.regimes import INTERPOLATION
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.base import images_of
from geosearch.confirmation.candidates.deep_union import DeepUnion
from geosearch.confirmation.row import RowKind
from geosearch.confirmation.row_request import RowRequest
from geosearch.data.collection import TARGET, DatasetCollection
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.weights import Weights
from geosearch.nn.backbones import encoder_batch
from geosearch.nn.interpolation import interpolate
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.train import features, resolve_device
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.search.objective import Objective
from geosearch.search.weight_path import WeightPath
from geosearch.study.union_training import TRAININGS, UnionTraining

_BLOCK = 256  # images that a process reads


def row_name(stages: int) -> str:
    """The name of the row.

    >>> row_name(4)
    'all sources, last 4 stages'
    """
    return f"all sources, last {stages} stages"


@dataclass(frozen=True, eq=False)
class UnionPath:
    """The networks between the pretrained weights and those of the deep union (WiSE-FT, Wortsman et al. 2022).

    Attributes:
        start: the pretrained network; it takes images.
        trained: the same after the training on all sources.
        architecture: of both, with the pretrained features beside the trained ones.
        weights: of the sources, which have equal shares.
        side: of the images that they take, pixels.
        codes: uint8 (n, h, w, ch), the target's images as the study has them.
        pictures: uint8 (n, h, w, ch), the same images.
        cache: where features are kept.
        jobs: number of processes that read features.
        device: as for `pretrain`.
    """

    start: Network = field(repr=False)
    trained: Network = field(repr=False)
    architecture: PretrainedArchitecture
    weights: Weights
    side: int
    codes: np.ndarray = field(repr=False)
    pictures: np.ndarray = field(repr=False)
    cache: Cache
    jobs: int = 1
    device: str = "cpu"
    _known: dict[float, dict[bytes, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, file: StudyFile, collection: DatasetCollection, cache: Cache) -> UnionPath | None:
        """That of a study; None if its file does not ask for a deep union.

        Args:
            file: the study's settings.
            collection: its sets, which hold activations.
            cache: where the network and what it reads are kept.

        Raises:
            InvalidOptionError: the network has fewer stages, or as `Backbone.load`.
            TrainingFailedError: the loss became NaN or infinite, or a GPU has too little memory.
        """
        training = UnionTraining.of(file, collection)
        if training is None:
            return None
        parts = [part.images for part in (collection.train, collection.unlabelled) if part is not None]
        pictures = [collection.pictures[TARGET]]
        if collection.test is not None and collection.test_pictures is not None:
            parts.append(collection.test.images)
            pictures.append(collection.test_pictures)
        return cls(
            start=training.start(),
            trained=training.train(cache),
            architecture=replace(training.architecture, features="both"),
            weights=Weights.of([1 / len(training.sources)] * len(training.sources), concentration=0),
            side=file.domain.size,
            codes=np.concatenate(parts),
            pictures=np.concatenate(pictures),
            cache=cache,
            jobs=file.search.jobs,
            device=file.recipe.device,
        )

    @property
    def stages(self) -> int:
        """How many of the last stages were trained."""
        assert isinstance(self.architecture.trainable, int)
        return self.architecture.trainable

    def at(self, coefficient: float, codes: np.ndarray | None = None) -> DeepUnion:
        """The network at a coefficient in [0, 1], as a candidate of the confirmation.

        Args:
            coefficient: 0 = the pretrained weights, 1 = the trained ones.
            codes: images of the target that it is to know, of `codes`; all of them if None.
        """
        network, codes = interpolate(self.start, self.trained, coefficient), self.codes if codes is None else codes
        known = self._read(network, coefficient, codes)
        return DeepUnion(network, self.architecture, self.weights, self.side, codes, known, coefficient, TRAININGS)

    def _read(self, network: Network, coefficient: float, codes: np.ndarray) -> np.ndarray:
        """Features (k, d) of images; each image is read once."""
        known = self._known.setdefault(coefficient, {})
        asked = [code.tobytes() for code in codes]
        if missing := {*asked} - {*known}:
            rows = [row for row, code in enumerate(self.codes) if code.tobytes() in missing]
            found = read_features(network, self.pictures[rows], self.cache, jobs=self.jobs, device=self.device)
            known.update((self.codes[row].tobytes(), one) for row, one in zip(rows, found, strict=True))
        return np.stack([known[code] for code in asked])

    def measure(self, objective: Objective) -> WeightPath:
        """Score networks as the search scored those of mixtures; the first one is that of no pretraining.

        The pretrained features stand beside those of all of them, so that the farthest is taken within the noise (see
        `WeightPath.chosen`).

        Raises:
            TrainingFailedError: features are NaN or infinite.
        """
        seed, images = seeds.integer(objective.seed, "evaluation", 0), objective.images
        scores = [objective.scorer.score(network, images, seed) for network in self._networks(objective, seed)]
        return WeightPath.of_scores(INTERPOLATION, scores, farther=True)

    def _networks(self, objective: Objective, seed: int) -> Iterator[Network]:
        """With a new head each, for the images that the objective looks at."""
        yield fresh_network(objective.images, objective.recipe, seed)
        codes = None if images_of(objective.scorer) else objective.images.images
        for coefficient in INTERPOLATION[1:]:
            yield self.at(coefficient, codes).known(objective.images, objective.recipe)

    def choose(self, objective: Objective | None) -> float:
        """The coefficient that the objective chooses among those of a training, which no pretraining (0) is not.

        Args:
            objective: of the search, on the labels at hand; None if they are too few to judge: the trained weights.
        """
        if objective is None:
            return 1.0
        path = self.measure(objective).without_first
        return path.coefficients[path.chosen]

    def request(self, coefficient: float) -> RowRequest:
        """The row of the confirmation."""
        return RowRequest(row_name(self.stages), self.at(coefficient), RowKind.UNION)


def read_features(network: Network, images: np.ndarray, cache: Cache, *, jobs: int, device: str = "cpu") -> np.ndarray:
    """Features float32 (n, d) of images uint8 (n, h, w, ch); from the cache if they are there.

    Args:
        network: takes images.
        images: all of them.
        cache: where they are kept.
        jobs: number of processes; changes no number.
        device: as for `pretrain`; a GPU works alone.
    """
    whole = LabelledSet(images, np.zeros(len(images), np.int64), ("",), "")
    key = content_key("deep-union-features", version=2, network=network.fingerprint, images=whole.fingerprint)
    place = resolve_device(device)

    def read() -> dict[str, np.ndarray]:
        if place.type != "cpu":
            return {"features": features(network.to(place), images, batch=encoder_batch(place))}
        blocks = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
        return {"features": np.concatenate(list(in_processes([(_read, (network, one)) for one in blocks], jobs)))}

    found = np.array(cache.arrays("features", key, read)["features"])
    network.cpu()
    return found


def _read(network: Network, images: np.ndarray) -> np.ndarray:
    return features(network, images, batch=encoder_batch(torch.device("cpu")))
