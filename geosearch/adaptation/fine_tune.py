"""FineTuning: every layer of the pretrained network is trained on the shots."""

from __future__ import annotations

from dataclasses import dataclass

from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.gradient import GradientAdaptation
from geosearch.data.dataset import LabelledSet
from geosearch.nn.networks import Network
from geosearch.nn.streams import Stream
from geosearch.nn.train import fine_tune


@ADAPTATIONS.register("fine-tune", "every layer trained on augmented shots")
@dataclass(frozen=True)
class FineTuning(GradientAdaptation):
    """Train every layer, under a new head, on the augmented shots.

    The options are those of `GradientAdaptation`.

    Example:
        >>> import geosearch
        >>> from geosearch.nn.networks import SmallConv
        >>> digits = geosearch.load("digits")
        >>> network = SmallConv(4).build(channels=1, size=8, classes=10, seed=0)
        >>> predictor = FineTuning(steps=5).fit(network, digits.take(range(50)), seed=0)
        >>> predictor.predict(digits.images[:5]).shape
        (5, 10)
    """

    def train(self, network: Network, shots: LabelledSet, seed: int) -> Network:
        """As `fit`, but gives the network; it must not need a mixture.

        Raises:
            TrainingFailedError: the loss became NaN or infinite.
        """
        return self._train(network, shots, seed, None)

    def _train(self, network: Network, shots: LabelledSet, seed: int, mixture: Stream | None) -> Network:
        return fine_tune(
            network,
            shots,
            self._recipe(),
            seed,
            device=self.device,
            body_rate=self.body_rate,
            scaling=self._scaling(network, shots, seed),
        )
