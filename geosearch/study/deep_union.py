"""The deep union of a study: a network trained on all sources at once, and whether it is the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from geosearch import seeds
from geosearch.adaptation.episodes import Episodes
from geosearch.adaptation.from_scratch import fresh_network
from geosearch.config.build import build_network, build_recipe
from geosearch.config.regimes import STAGES_RATE
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.candidates.deep_union import DeepUnion
from geosearch.data.collection import TARGET, DatasetCollection
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.mixture.weights import Weights
from geosearch.nn.interpolation import interpolate_states
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import features, pretrain, resolve_device
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.parallel import in_processes
from geosearch.search.no_gain import gains
from geosearch.search.objective import Objective
from geosearch.search.trial_record import TrialRecord

MEMBERS, STEPS = 2, 200  # networks whose weights are averaged; of each (reports/photographs.md)
_BLOCK, _BATCH = 256, 64  # images that a process reads, and that a network is given


def row_name(stages: int) -> str:
    """The name of the row.

    >>> row_name(4)
    'all sources, last 4 stages'
    """
    return f"all sources, last {stages} stages"


def deep_recipe(file: StudyFile) -> Recipe | None:
    """How the deep union is trained; None if the study file does not ask for it.

    Raises:
        InvalidOptionError: the network has fewer stages, or as `Backbone.load`.
    """
    stages, network = file.recipe.settings["union_stages"], build_network(file)
    if not stages or not isinstance(network, PretrainedArchitecture):
        return None
    network = replace(network, trainable=stages, features="trained", views=0).loaded(file.domain.size)
    try:
        network.backbone.load(file.domain.size).cut(stages)
    except InvalidOptionError as error:
        reason = str(error).partition("; set recipe.trainable")[0]
        raise InvalidOptionError(f"recipe.union_stages = {stages}: {reason}; take fewer, or leave it out") from error
    recipe = build_recipe(file, network).scaled(STEPS)
    return replace(recipe, learning_rate=STAGES_RATE, objective=None)


@dataclass(frozen=True, eq=False)
class UnionTraining:
    """How the network is trained: by nothing of the target, so that the cache has it for the next one.

    That is, for one with the same sources in the same order, images of the same size, the same batch, weight decay and
    precision, and none of its images among those of the sources.

    Its weights are the mean of those of `MEMBERS` trainings from the pretrained ones (a uniform soup, Wortsman et al.
    2022b, eq. 1), which tie with those of one or have a little less error (reports/photographs.md).

    Attributes:
        sources: the sources, with their images.
        recipe: that of the study, but for the stages, the rate and the steps that suit several of them, and without an
            objective of its own (recipe.objective).
        device: as for `pretrain`.
    """

    sources: tuple[LabelledSet, ...]
    recipe: Recipe
    device: str = "cpu"

    @classmethod
    def of(cls, file: StudyFile, collection: DatasetCollection) -> UnionTraining | None:
        """As a study file asks for it; None if it does not.

        Args:
            file: the study's settings.
            collection: its sets, which hold images or activations.

        Raises:
            InvalidOptionError: the network has fewer stages, or as `Backbone.load`.
        """
        recipe = deep_recipe(file)
        if recipe is None:
            return None
        sources = tuple(_with_pictures(one, collection.pictures.get(one.name)) for one in collection.sources)
        return cls(sources, recipe, file.recipe.device)

    @property
    def architecture(self) -> PretrainedArchitecture:
        """That of the network."""
        assert isinstance(self.recipe.network, PretrainedArchitecture)
        return self.recipe.network

    @property
    def keys(self) -> tuple[str, ...]:
        """Content key of each training."""
        facts = {"sources": [source.fingerprint for source in self.sources], "recipe": self.recipe.key}
        return tuple(content_key("deep-union-training", version=1, member=member, **facts) for member in range(MEMBERS))

    def is_known(self, cache: Cache) -> bool:
        """Whether the cache has all trainings."""
        return all(cache.path("networks", key).exists() for key in self.keys)

    def train(self, cache: Cache, *, jobs: int = 1) -> Network:
        """The network, which takes images; trainings that the cache has are read.

        Args:
            cache: where trainings are kept, each for itself.
            jobs: number of processes; changes no number.

        Raises:
            TrainingFailedError: a loss became NaN or infinite, or a GPU has too little memory.
        """
        calls = [(self._member, (member, key, cache)) for member, key in enumerate(self.keys)]
        states = list(in_processes(calls, jobs if resolve_device(self.device).type == "cpu" else 1))
        pool = Pool(self.sources)
        height, _, channels = pool.image_shape
        network = self.architecture.build(channels, height, pool.class_count, seed=0)
        network.load_state_dict(interpolate_states(states[0], states, 1.0, [1 / MEMBERS] * MEMBERS))
        return network

    def _member(self, member: int, key: str, cache: Cache) -> dict[str, torch.Tensor]:
        """State of one training."""

        def state() -> dict[str, np.ndarray]:
            seed = seeds.integer(0, "deep union", member)
            trained = _trained(Pool(self.sources), self.recipe, seed, self.device)
            return {name: weight.numpy() for name, weight in trained.state_dict().items()}

        stored = cache.arrays("networks", key, state)
        return {name: torch.from_numpy(np.array(weight)) for name, weight in stored.items()}


def _trained(pool: Pool, recipe: Recipe, seed: int, device: str) -> Network:
    """As `pretrain`, but what fails is said with a way to go on: the study's mixtures do not need this network.

    Raises:
        TrainingFailedError: the loss became NaN or infinite, or a GPU has too little memory.
    """
    try:
        return pretrain(pool, recipe, seed, device=device)
    except (TrainingFailedError, torch.OutOfMemoryError) as error:
        reason = str(error).partition(";")[0].partition("\n")[0]
        raise TrainingFailedError(
            f"the training on all sources failed: {reason}; set recipe.union_stages to 0 or to another number in the "
            "study file, which keeps all else, and run 'geosearch resume' with that file"
        ) from error


def build_deep_union(file: StudyFile, collection: DatasetCollection, cache: Cache) -> DeepUnion | None:
    """The deep union as a candidate of the confirmation; None if the study file does not ask for it.

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
    network = training.train(cache, jobs=file.search.jobs)
    parts = [part.images for part in (collection.train, collection.unlabelled) if part is not None]
    pictures = [collection.pictures[TARGET]]
    if collection.test is not None and collection.test_pictures is not None:
        parts.append(collection.test.images)
        pictures.append(collection.test_pictures)
    return DeepUnion(
        network,
        replace(training.architecture, features="both"),
        MEMBERS,
        Weights.of([1 / len(training.sources)] * len(training.sources), concentration=0),
        file.domain.size,
        np.concatenate(parts),
        read_features(network, np.concatenate(pictures), cache, jobs=file.search.jobs, device=file.recipe.device),
    )


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


def _with_pictures(source: LabelledSet, images: np.ndarray | None) -> LabelledSet:
    """A source with its images in place of activations, of which it may have further views."""
    return source if images is None else replace(source.take(np.arange(len(images))), images=images)


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
        ahead: squared error of the best mixture minus that of the deep union; None if that mixture is not clearly
            better than no pretraining.
        is_pseudo: whether pseudo-labelled images judged, whose errors are alike, so that the noise is too small.

    >>> UnionGain(4, gain=0.09, noise=0.03).is_answer, UnionGain(4, gain=-0.09, noise=0.03).is_answer
    (True, False)
    """

    stages: int
    gain: float
    noise: float
    ahead: float | None = None
    is_pseudo: bool = False

    @classmethod
    def measure(cls, union: DeepUnion, objective: Objective, best: TrialRecord | None) -> UnionGain:
        """Score the network as the search scored those of mixtures, and the network without pretraining.

        Args:
            union: the deep union.
            objective: of the search.
            best: the best mixture, if there is one.

        Raises:
            TrainingFailedError: features are NaN or infinite.
        """
        seed, images = seeds.integer(objective.seed, "evaluation", 0), objective.images
        networks = union.known(images, objective.recipe), fresh_network(images, objective.recipe, seed)
        own, other = (objective.scorer.score(network, images, seed) for network in networks)
        gaps = np.array(other.losses or (other.squared_error,)) - np.array(own.losses or (own.squared_error,))
        noise = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else 0.0
        ahead = best.error - own.squared_error if best and best.error is not None and gains(best) else None
        return cls(union.stages, float(gaps.mean()), noise, ahead, isinstance(objective.scorer, Episodes))

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
        chosen = " All labels chose it, those that judge included." if labels_judge and not self.is_pseudo else ""
        return (
            f"The answer is the network whose last {self.stages} stages were trained on all sources, which needs no "
            f"search, with {adaptation}: {judged} its squared error is {gap} {side} that of no pretraining.{chosen}",
        )
