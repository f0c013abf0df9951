"""Neural: a transport map that is a trained network, defined for all images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from geosearch import seeds
from geosearch.data.dataset import LabelledSet
from geosearch.errors import InvalidOptionError
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import Network, SmallConv
from geosearch.nn.option_facts import facts_of
from geosearch.nn.recipe import Recipe
from geosearch.nn.streams import Batch, as_tensor
from geosearch.nn.train import pretrain
from geosearch.runtime.arrays import Arrays, read_checked_arrays
from geosearch.runtime.cache import Cache, content_key
from geosearch.runtime.registry import setting
from geosearch.transport.maps.base import MAPS, Pair, Pushforward
from geosearch.transport.maps.neural.cost import PixelCost, check, make_pixel_cost, mean_cost
from geosearch.transport.maps.neural.networks import MapNetwork, PotentialNetwork, build
from geosearch.transport.maps.neural.training import CURVES, MapTraining, load_network, network_arrays, soft_labels

LOGGER = logging.getLogger(__name__)

VERSION = 1  # raise when training changes, so that older checkpoints are not continued
_CHUNK = 256  # images mapped at a time
_BEHIND = 0.5  # gap of the potential, in mean costs, above which a finished map is called unfinished


@MAPS.register("neural", "by a trained network")
@dataclass(frozen=True)
class Neural:
    """A trained map G from the target to the source, the saddle point of

        sup_f inf_G  E_Q[ lx |x - G(x,y)|^2 / 2 + ly M(y, l(G(x,y))) / 2 - f(G(x,y), l(G(x,y))) ] + E_P[ f(x',y') ]

    with a potential network f, the class-to-class squared W2 table M, and l(.) the soft labels of a classifier
    trained on the source. Source: Fan & Alvarez-Melis 2023, app. B; Fan et al. 2021. Ours: a gradient penalty on f
    where its values are compared (Mescheder et al. 2018), without which f outran G and the mapped images
    were noise (measured on MNIST to USPS).

    The cost that is trained on is measured in pixels, with a Gaussian label table in pixels, whatever the encoder
    of the pair is: G makes images, and f judges images. The encoder only says in which units `otdd` is reported.

    On one machine's CPU, equal seeds and numbers of threads give equal maps, interrupted or not.

    Attributes:
        steps: updates of the potential.
        map_steps: updates of the map per update of the potential.
        batch: images per step.
        width: channels of the map's finest layers.
        potential_width: channels of the potential's finest layers.
        learning_rate: of both networks (Adam); constant for half of the run, then falling to zero in a line.
        gradient_penalty: weight of the mean squared slope of f, costs in units of the mean random pair.
        average: decay of the moving average of G's weights, which is what pushes images.
        classifier: how the classifier of the source is trained.
        checkpoint_every: steps between two checkpoints in the cache.
        device: "cpu", "cuda", or "auto" (CUDA if available).

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import geosearch
        >>> geosearch.AnchorOptions(map=geosearch.Neural(steps=1000, width=32)).map.steps
        1000
    """

    steps: int = setting(600, "map_steps", "Training steps of each neural map.", ge=1)
    map_steps: int = 4
    batch: int = 64
    width: int = 16
    potential_width: int = 24
    learning_rate: float = 1e-3
    gradient_penalty: float = 0.05
    average: float = 0.99
    classifier: Recipe = field(default_factory=lambda: Recipe(SmallConv(32), 300, augmentation=NO_AUGMENTATION))
    checkpoint_every: int = 100
    device: str = "cpu"

    @classmethod
    def paper(cls) -> Neural:
        """The length and order of size of the paper's maps, meant for a GPU; untried."""
        return cls(10_000, 10, width=64, potential_width=64, learning_rate=3e-4, average=0.999, device="auto")

    def __post_init__(self) -> None:
        for name in ("steps", "map_steps", "width", "potential_width", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InvalidOptionError(f"Neural: {name} must be at least 1, got {getattr(self, name)}")
        if self.batch < 2:
            raise InvalidOptionError(f"Neural: batch must be at least 2, got {self.batch}; 64 suits small images")
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidOptionError(f"Neural: learning_rate must be positive, got {self.learning_rate}; try 1e-3")
        if not 0 <= self.gradient_penalty < float("inf"):
            raise InvalidOptionError(
                f"Neural: gradient_penalty must be at least 0, got {self.gradient_penalty}; try 0.05"
            )
        if not 0 <= self.average < 1:
            raise InvalidOptionError(f"Neural: average must lie in [0, 1), got {self.average}; try 0.99")
        if self.device not in ("cpu", "cuda", "auto"):
            raise InvalidOptionError(f"Neural: device must be 'cpu', 'cuda' or 'auto', got {self.device!r}")

    def fit(self, pair: Pair, *, seed: int, cache: Cache) -> NeuralMap:
        """Train on the pair, going on from a checkpoint of an equal fit that was interrupted.

        Raises:
            DomainMismatchError: images of unequal shapes, or smaller than 8 px.
            InvalidDataError: the pair's label table has no entry for a class with rows.
            TrainingFailedError: the training diverged; the message names the options to change.
        """
        check(pair)
        checkpoint = cache.path("neural-map", self._key(pair, seed)).with_suffix(".checkpoint.safetensors")
        pixel_cost = make_pixel_cost(pair, _place(self.device))
        training = self._resumed(pair, pixel_cost, seed, checkpoint)
        if training is None:
            own = seeds.integer(seed, "neural-map", "classifier")
            classifier = pretrain(_Alone(pair.source), self.classifier, own, device=self.device)
            training = self._training(pair, pixel_cost, seed, classifier)
        training.run(checkpoint)
        curves = dict(zip(CURVES, np.array(training.curves).T.copy(), strict=True))
        unrated = NeuralMap(training.averaged, training.classifier, training.absent, float("nan"), self.steps, curves)
        return replace(unrated, otdd=mean_cost(pair, unrated(pair.reference.images, pair.reference.labels)))

    def restore(self, pair: Pair, state: Mapping[str, np.ndarray]) -> NeuralMap:
        """The fitted map whose `state()` this was."""
        map_network, classifier = self._networks(pair, 0)[0], self._blank_classifier(pair)
        load_network(map_network, state, "map")
        load_network(classifier, state, "classifier")
        absent = torch.from_numpy(np.bincount(pair.source.labels, minlength=len(pair.source.classes)) == 0)
        place = _place(self.device)
        curves = {name: np.array(state[f"curve.{name}"]) for name in CURVES}
        otdd, steps = float(state["otdd"].item()), int(state["steps"].item())
        return NeuralMap(map_network.to(place), classifier.to(place), absent.to(place), otdd, steps, curves)

    def _key(self, pair: Pair, seed: int) -> str:
        """What the trained weights depend on; how often they are saved, and where they are trained, do not count."""
        facts = {name: fact for name, fact in facts_of(self).items() if name not in ("checkpoint_every", "device")}
        sets = [pair.reference.fingerprint, pair.source.fingerprint]
        weights = [pair.feature_weight, pair.label_weight]
        return content_key("neural-map", version=VERSION, option=facts, sets=sets, weights=weights, seed=seed)

    def _resumed(self, pair: Pair, pixel_cost: PixelCost, seed: int, checkpoint: Path) -> MapTraining | None:
        if (arrays := read_checked_arrays(checkpoint)) is None:
            return None
        training = self._training(pair, pixel_cost, seed, self._blank_classifier(pair))
        try:
            training.load({name: np.array(array) for name, array in arrays.items()})
        except (KeyError, RuntimeError, ValueError) as error:
            LOGGER.warning("%s is damaged (%s); the neural map is trained from the start", checkpoint, error)
            return None
        return training

    def _training(self, pair: Pair, pixel_cost: PixelCost, seed: int, classifier: Network) -> MapTraining:
        place = pixel_cost.images.device
        map_network, potential = self._networks(pair, seed)
        return MapTraining((map_network.to(place), potential.to(place)), classifier.to(place), pixel_cost, self, seed)

    def _networks(self, pair: Pair, seed: int) -> tuple[MapNetwork, PotentialNetwork]:
        counts = len(pair.reference.classes), len(pair.source.classes)
        return build(pair.source.shape, counts, (self.width, self.potential_width), seed)

    def _blank_classifier(self, pair: Pair) -> Network:
        height, _, channels = pair.source.shape
        return self.classifier.network.build(channels, height, len(pair.source.classes), 0)


@dataclass(frozen=True, eq=False)
class NeuralMap:
    """See `Neural` and `FittedMap`.

    Attributes:
        map_network: the averaged map network.
        classifier: trained on the source.
        absent: bool (c2,), classes of the source without a row.
        otdd: mean ground cost of the reference under the map, squared feature units of the pair's encoder; above
            the OTDD as far as the map is not optimal, below it as far as its images are not the source's.
        steps: trained.
        curves: "step"; "map_loss" and "potential_gap" in units of the mean random pair's cost; "cost", the mean
            full cost of a batch in squared pixels.
    """

    map_network: MapNetwork
    classifier: Network
    absent: torch.Tensor
    otdd: float
    steps: int
    curves: Mapping[str, np.ndarray]

    @property
    def replicas(self) -> int:
        return 1

    @property
    def message(self) -> str:
        cost, gap = (float(self.curves[name][-10:].mean()) for name in ("cost", "potential_gap"))
        advice = " (the map has not caught up: raise steps or map_steps)" if gap > _BEHIND else ""
        return (
            f"trained for all {self.steps} steps; the cost ended at {cost:.4g} squared pixels, the potential's gap at "
            f"{gap:.2g} mean costs{advice}; target images beyond the reference go through the trained network"
        )

    def __call__(self, images: np.ndarray, labels: np.ndarray, *, replica: int = 0) -> Pushforward:
        """uint8 (n, h, w, ch) with labels (n,) -> uint8 images of the same shape, soft labels float32 (n, c2)."""
        if replica != 0:
            raise InvalidOptionError(f"a neural map is a single one, replica 0; got replica {replica}")
        place = self.absent.device
        moved, soft = np.empty_like(images), np.empty((len(images), len(self.absent)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), _CHUNK):
                rows = slice(start, start + _CHUNK)
                classes = torch.from_numpy(np.asarray(labels[rows], dtype=np.int64)).to(place)
                pixels = self.map_network(as_tensor(images[rows]).to(place), classes).mul_(255).round_().to(torch.uint8)
                moved[rows] = pixels.permute(0, 2, 3, 1).cpu().numpy()
                seen = as_tensor(moved[rows]).to(place)
                soft[rows] = soft_labels(self.classifier, seen, self.absent).cpu().numpy()
        return Pushforward(moved, soft)

    def state(self) -> Arrays:
        """Weights of both networks, curves, `otdd`: what `Neural.restore` reads."""
        return {
            **network_arrays(self.map_network, "map"),
            **network_arrays(self.classifier, "classifier"),
            **{f"curve.{name}": np.array(curve) for name, curve in self.curves.items()},
            "steps": np.array([self.steps]),
            "otdd": np.array([self.otdd]),
        }


@dataclass(frozen=True)
class _Alone:
    """A source with its own labels as a stream of batches."""

    source: LabelledSet

    @property
    def class_count(self) -> int:
        return len(self.source.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.source.shape

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        one_hot = np.eye(self.class_count, dtype=np.float32)
        while True:
            rows = rng.integers(len(self.source), size=size)
            yield as_tensor(self.source.images[rows]).numpy(), one_hot[self.source.labels[rows]]


def _place(device: str) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidOptionError("Neural: device is 'cuda' but torch finds no CUDA device; set it to 'auto' or 'cpu'")
    return torch.device("cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu"))
