"""UnionTraining: more stages of a pretrained network, trained on all sources of a study at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from geosearch import seeds
from geosearch.config.build import build_network, build_recipe
from geosearch.config.regimes import STAGES_RATE
from geosearch.config.study_config import StudyFile
from geosearch.data.collection import DatasetCollection
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError, TrainingFailedError
from geosearch.nn.interpolation import interpolate_states
from geosearch.nn.networks import Network
from geosearch.nn.pretrained_architecture import PretrainedArchitecture
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Pool
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.memory import give_back

TRAININGS, STEPS = 2, 200  # whose weights are averaged; of each (reports/photographs.md)


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

    Its weights are the mean of those of two trainings from the pretrained ones (a uniform soup, Wortsman et al. 2022b,
    eq. 1), since what a single one is worth to a target varies from seed to seed (reports/photographs.md).

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
        return tuple(content_key("deep-union-training", version=5, number=i, **facts) for i in range(TRAININGS))

    def missing(self, cache: Cache) -> int:
        """How many of the trainings the cache does not have."""
        return sum(not cache.path("networks", key).exists() for key in self.keys)

    def start(self) -> Network:
        """The pretrained network, as it is before the training."""
        pool = Pool(self.sources)
        height, _, channels = pool.image_shape
        return self.architecture.build(channels, height, pool.class_count, seed=0)

    def train(self, cache: Cache) -> Network:
        """The network, which takes images; trainings that the cache has are read, others made one after the other.

        Raises:
            TrainingFailedError: a loss became NaN or infinite, or a GPU has too little memory.
        """
        network, states = self.start(), [self._state(number, cache) for number in range(TRAININGS)]
        mean = interpolate_states(states[0], states, 1.0, [1 / TRAININGS] * TRAININGS)
        network.load_state_dict({**network.state_dict(), **mean})
        return network

    def _state(self, number: int, cache: Cache) -> dict[str, torch.Tensor]:
        """What one training made of the weights."""

        def state() -> dict[str, np.ndarray]:
            seed = seeds.integer(0, "deep union", number)
            trained = _trained(Pool(self.sources), self.recipe, seed, self.device)
            give_back()
            return {name: weight.numpy() for name, weight in trained.state_dict().items() if _is_trained(name)}

        stored = cache.arrays("networks", self.keys[number], state)
        return {name: torch.from_numpy(np.array(weight)) for name, weight in stored.items() if _is_trained(name)}


def _is_trained(name: str) -> bool:
    """Whether a weight is none of the frozen stem, which all networks of the process share."""
    return not name.startswith("body.stem.")


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


def _with_pictures(source: LabelledSet, images: np.ndarray | None) -> LabelledSet:
    """A source with its images in place of activations, of which it may have further views."""
    return source if images is None else replace(source.take(np.arange(len(images))), images=images)
