"""The deep union of a study: one network of all sources, how far it is taken, and whether it is the answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from geosearch import seeds
from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.config.regimes import INTERPOLATION
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.deep_union import DeepUnion
from geosearch.confirmation.row import RowKind
from geosearch.confirmation.row_request import RowRequest
from geosearch.data.collection import TARGET, DatasetCollection
from geosearch.data.dataset import LabelledSet
from geosearch.mixture.weights import Weights
from geosearch.nn.interpolation import interpolate
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.train import features, resolve_device
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.search.no_gain import gains
from geosearch.search.objective import Objective
from geosearch.search.trial_record import TrialRecord
from geosearch.search.weight_path import WeightPath
from geosearch.study.union_training import UnionTraining

_BLOCK, _BATCH = 256, 64  # images that a process reads, and that a network is given
_PATH = "between the pretrained weights (0) and the trained ones (1)"


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
        jobs: number of processes that read features; changes no number.
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

    @classmethod
    def of(cls, file: StudyFile, collection: DatasetCollection, cache: Cache) -> UnionPath | None:
        """That of a study; None if its file does not ask for a deep union.

        Args:
            file: the study's settings.
            collection: its sets, which hold activations.
            cache: where the network and what it reads are kept.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
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
            training.start(),
            training.train(cache),
            replace(training.architecture, features="both"),
            Weights.of([1 / len(training.sources)] * len(training.sources), concentration=0),
            file.domain.size,
            np.concatenate(parts),
            np.concatenate(pictures),
            cache,
            file.search.jobs,
            file.recipe.device,
        )

    def at(self, coefficient: float, codes: np.ndarray | None = None) -> DeepUnion:
        """The network at a coefficient in [0, 1], as a candidate of the confirmation.

        Args:
            coefficient: 0 = the pretrained weights, 1 = the trained ones.
            codes: images of the target that it is to know; all of them if None.
        """
        network, pictures = interpolate(self.start, self.trained, coefficient), self.pictures
        if codes is not None:
            rows = {code.tobytes(): row for row, code in enumerate(self.codes)}
            pictures = pictures[[rows[code.tobytes()] for code in codes]]
        known = read_features(network, pictures, self.cache, jobs=self.jobs, device=self.device)
        return DeepUnion(
            network,
            self.architecture,
            self.weights,
            self.side,
            self.codes if codes is None else codes,
            known,
            coefficient,
        )

    def measure(self, objective: Objective) -> WeightPath:
        """Score networks as the search scored those of mixtures; the first one is that of no pretraining.

        The features of the pretrained network stand beside those of all of them, so the farthest is taken within the
        noise, as for mixtures then.

        Raises:
            TrainingFailedError: features are NaN or infinite.
        """
        begin, seed, images = time.perf_counter(), seeds.integer(objective.seed, "evaluation", 0), objective.images
        networks = [fresh_network(images, objective.recipe, seed)]
        networks += [self.at(one, images.images).known(images, objective.recipe) for one in INTERPOLATION[1:]]
        scores = [objective.scorer.score(network, images, seed) for network in networks]
        return WeightPath.of_scores(INTERPOLATION, scores, time.perf_counter() - begin, farther=True)

    def request(self, objective: Objective | None) -> RowRequest:
        """The row of the confirmation, at the coefficient that the objective chooses; never at that of no pretraining.

        Args:
            objective: of the search, on the labels at hand; None if they are too few to judge: the trained weights.
        """
        path = self.measure(objective) if objective else None
        coefficient = path.coefficients[path.chosen_but_first] if path else 1.0
        return RowRequest(row_name(self.stages), self.at(coefficient), RowKind.UNION)

    @property
    def stages(self) -> int:
        """How many of the last stages were trained."""
        assert isinstance(self.architecture.trainable, int)
        return self.architecture.trainable


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
    key = content_key("deep-union-features", version=1, network=network.fingerprint, images=whole.fingerprint)
    place = resolve_device(device)

    def read() -> dict[str, np.ndarray]:
        if place.type != "cpu":
            return {"features": features(network.to(place), images, batch=_BATCH)}
        blocks = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
        return {"features": np.concatenate(list(in_processes([(_read, (network, one)) for one in blocks], jobs)))}

    found = np.array(cache.arrays("features", key, read)["features"])
    network.cpu()
    return found


def _read(network: Network, images: np.ndarray) -> np.ndarray:
    return features(network, images, batch=_BATCH)


@dataclass(frozen=True)
class UnionGain:
    """Whether the deep union is the answer of a study, by its squared error on what judged the search.

    It is, unless the error of no pretraining, or of a best mixture that is clearly better than that, is smaller by more
    than one standard error of the gain. On six sets of photographs answers had 2.6 ± 2.8 points less error for it: 3 to
    5 on four of them, none on one, and 1.3 ± 1.0 more on one (reports/photographs.md).

    Attributes:
        stages: of the network.
        gain: squared error of no pretraining minus that of the deep union.
        noise: standard error of the gain, paired over the labels that are left out, or over episodes.
        interpolation: how far it is from the pretrained weights (0) to the trained ones (1).
        ahead: squared error of the best mixture minus that of the deep union; None if that mixture is not clearly
            better than no pretraining.
        is_pseudo: whether pseudo-labelled images judged, whose errors are alike, so that the noise is too small.

    >>> UnionGain(4, gain=0.09, noise=0.03).is_answer, UnionGain(4, gain=-0.09, noise=0.03).is_answer
    (True, False)
    """

    stages: int
    gain: float
    noise: float
    interpolation: float = 1.0
    ahead: float | None = None
    is_pseudo: bool = False

    @classmethod
    def measure(cls, union: UnionPath, objective: Objective, best: TrialRecord | None) -> UnionGain:
        """Compare it with no pretraining, and with the best mixture.

        Args:
            union: the deep union.
            objective: of the search.
            best: the best mixture, if there is one.

        Raises:
            TrainingFailedError: features are NaN or infinite.
        """
        path = union.measure(objective)
        place = path.chosen_but_first
        point, gaps = path.points[place], path.losses[0] - path.losses[place]
        ahead = best.error - point.squared_error if best and best.error is not None and gains(best) else None
        is_pseudo = isinstance(objective.scorer, Episodes)
        return cls(union.stages, float(gaps.mean()), point.deviation, point.coefficient, ahead, is_pseudo)

    @property
    def is_answer(self) -> bool:
        """Whether what judged the search is not clearly against it."""
        return min(self.gain, self.gain if self.ahead is None else self.ahead) >= -self.noise

    def sentences(self, adaptation: str, *, labels_judge: bool = False) -> tuple[str, ...]:
        """What is the answer, and why.

        Args:
            adaptation: of the answer, in words.
            labels_judge: whether the labels that chose it judge the rows as well.
        """
        gap, side = f"{abs(self.gain):.2g} ± {self.noise:.2g}", "below" if self.gain >= 0 else "above"
        judged = "on pseudo-labelled images" if self.is_pseudo else "on the labels"
        place = "" if self.interpolation == 1 else f", at lambda {self.interpolation:g} {_PATH}"
        chosen = " All labels chose it, those that judge included." if labels_judge and not self.is_pseudo else ""
        return (
            f"The answer is the network whose last {self.stages} stages were trained on all sources{place}, which "
            f"needs no search, with {adaptation}: {judged} its squared error is {gap} {side} that "
            f"of no pretraining.{chosen}",
        )
