"""Recipe: everything that decides how a network is trained, as a frozen option object with a content key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import Augmentation
from geosearch.nn.augmenter import Augmenter
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.networks import Architecture, Network, SmallConv
from geosearch.nn.option_facts import added_field, facts_of
from geosearch.nn.schedule import OneCycle, Schedule
from geosearch.nn.streams import Stream
from geosearch.nn.weight_averaging import Averaging
from geosearch.runtime.cache import content_key

VERSION = 2  # raise when networks or training change, so that evaluations of the old ones are not found
MIXED_VERSION = 2  # the same of what is trained in bfloat16
PRETRAINED_VERSION = 2  # the same of what starts from a pretrained network; 2: with folded norms


class Objective(Protocol):
    """What pretraining minimizes, where that is not the cross-entropy with the mixture's labels."""

    def train(self, network: Network, mixture: Stream, recipe: Recipe, seed: int, device: str) -> Network:
        """Train a new network in place.

        Args:
            network: as the recipe builds it.
            mixture: a stream of images and soft labels.
            recipe: how to train.
            seed: seed of the batches and the augmentation.
            device: as for `pretrain`.
        """
        ...


@dataclass(frozen=True)
class Recipe:
    """How a network is pretrained on a mixture: AdamW on the cross-entropy with soft labels.

    Attributes:
        network: the architecture.
        steps: optimizer steps; 0 leaves the network as initialised.
        batch: images per step.
        learning_rate: peak learning rate; 1e-2 suits `SmallConv`, `VGG` and `ResNet18` want about 2e-3.
        weight_decay: decoupled weight decay.
        label_smoothing: share of each soft label spread evenly over all classes.
        augmentation: random change of every image and step.
        schedule: learning rate over the run.
        averaging: how the weights are averaged over the run; the batch normalization statistics are recomputed for the
            average. None keeps the weights of the last step. Measured on KMNIST and Fashion-MNIST, 120 steps, 3
            seeds: with `OneCycle` averaging gains nothing (30 % error on held-out images, 32 % with a tail average,
            35 % with an exponential one); with `Constant` a tail average reaches 28 %.
        early_stop: when to stop before the last step; None: never.
        precision: "float32", or "bfloat16" for the products inside the network (autocast). Measured at 28 px, one
            core with avx512_bf16: `VGG` 1.5 times as fast (245 -> 158 ms a step), `SmallConv` 1.3 to 1.6 times
            (20 -> 13 ms), `SmallConv(8)` no faster. A device without instructions for bfloat16 computes in float32.
        compiled: run the network through torch.compile. Measured on one core, `SmallConv` at 28 px: no
            faster (17 ms a step either way), after half a minute of compilation per process; meant for GPUs.
        objective: what pretraining minimizes; None for the cross-entropy with the mixture's labels.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> from geosearch.nn import Augmentation, Constant, Recipe, SmallConv, TailAverage
        >>> recipe = Recipe(network=SmallConv(8), steps=120, schedule=Constant(), averaging=TailAverage())
        >>> recipe.scaled(5).steps
        5
        >>> recipe.key == Recipe().key
        False
    """

    network: Architecture = field(default_factory=SmallConv)
    steps: int = 300
    batch: int = 64
    learning_rate: float = 1e-2
    weight_decay: float = 0.1
    label_smoothing: float = 0.0
    augmentation: Augmenter = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=OneCycle)
    averaging: Averaging | None = added_field(None)
    early_stop: EarlyStopping | None = added_field(None)
    precision: Literal["float32", "bfloat16"] = added_field("float32")
    compiled: bool = added_field(False)
    objective: Objective | None = added_field(None)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch < 2:
            raise InvalidOptionError(f"recipe needs steps >= 0 and batch >= 2, got {self.steps} and {self.batch}")
        if not self.learning_rate > 0 or self.weight_decay < 0 or not 0 <= self.label_smoothing < 1:
            raise InvalidOptionError(
                "recipe needs learning_rate > 0, weight_decay >= 0 and label_smoothing in [0, 1), got "
                f"{self.learning_rate}, {self.weight_decay} and {self.label_smoothing}"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise InvalidOptionError(f"recipe needs precision 'float32' or 'bfloat16', got {self.precision!r}")

    def scaled(self, steps: int) -> Recipe:
        """A copy of the recipe with another number of steps."""
        return replace(self, steps=steps)

    @property
    def facts(self) -> dict[str, Any]:
        """All options, JSON-representable; see `facts_of` for the defaults that are left out."""
        return facts_of(self)

    @property
    def key(self) -> str:
        """Content key: equal recipes, equal keys."""
        versions = {"version": VERSION}
        if self.precision != "float32":
            versions["mixed_version"] = MIXED_VERSION
        if self.network.is_pretrained:
            versions["pretrained_version"] = PRETRAINED_VERSION
        return content_key("recipe", **versions, **self.facts)
