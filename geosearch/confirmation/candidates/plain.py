"""Plain: a mixture as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geosearch.adaptation.base import Adaptation
from geosearch.confirmation.candidates.base import PretrainedCandidate, Setup, Start, images_of
from geosearch.data.target import UnlabelledCounts
from geosearch.mixture.mixture import Mixture
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.interpolation import interpolate
from geosearch.nn.networks import Network
from geosearch.nn.option_facts import facts_of
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.runtime.cache import content_key


@dataclass(frozen=True, eq=False)
class Plain(PretrainedCandidate):
    """A mixture as it is.

    Attributes:
        mixture: what the network is pretrained on.
        searched_on: the unlabelled target images of a search, whose reference and held-out part chose the mixture; None
            if no search did.
        interpolation: how far the network is from the pretrained weights (0) to the trained ones (1); None: the trained
            ones as they are.
        augmentation: of the pretraining, in place of that of the recipe; None: that of the recipe.
    """

    mixture: Mixture
    searched_on: UnlabelledCounts | None = None
    interpolation: float | None = None
    augmentation: Augmenter | None = None

    @property
    def key(self) -> str:
        changed = {} if self.augmentation is None else {"augmentation": facts_of(self.augmentation)}
        if self.interpolation is not None:
            return content_key("interpolated", mixture=self.mixture.key, interpolation=self.interpolation, **changed)
        return content_key("augmented", mixture=self.mixture.key, **changed) if changed else self.mixture.key

    def start(self, setup: Setup, seed: int) -> Start:
        def train(recipe: Recipe) -> Network:
            recipe = recipe if self.augmentation is None else replace(recipe, augmentation=self.augmentation)
            return pretrain(self.mixture, recipe, seed, device=setup.device)

        if self.interpolation == 0:
            return Start(train(setup.recipe.scaled(0)), self.mixture)
        network = train(setup.recipe)
        if self.interpolation is not None:
            network = interpolate(train(setup.recipe.scaled(0)), network, self.interpolation)
        return Start(network, self.mixture)

    def unlabelled_images(self, adaptation: Adaptation) -> int:
        """Those that chose the mixture, the reference, and those that the adaptation uses, each counted once.

        The reference is the first part of what self-training uses. Where no image is mixed of several sources, maps do
        not matter.
        """
        used = images_of(adaptation)
        if self.searched_on is not None:
            return self.searched_on.seen(used)
        weights = self.mixture.weights
        is_mixed = len(weights.support) > 1 and weights.concentration > 0
        return max(len(self.mixture.anchors.reference) if is_mixed else 0, used)
