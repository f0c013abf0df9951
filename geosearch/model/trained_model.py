"""TrainedModel: a module, what images go through before it, calibrated predictions, and a score of unlike images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import softmax

from geosearch.model.facts import ModelFacts
from geosearch.model.module import Module, classify
from geosearch.model.unlikeness import Unlikeness
from geosearch.nn.backbones import encoder_batch
from geosearch.nn.streams import as_tensor
from geosearch.nn.whole_network import WHOLE

_BATCH = 256  # images at a time


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of n images.

    Attributes:
        classes: names of the c classes.
        probabilities: float32 (n, c), calibrated.
        unlikeness: float32 (n,): 0 is typical of the target, above 1 is unlike its images.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    unlikeness: np.ndarray

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def labels(self) -> np.ndarray:
        """int64 (n,), numbers of the most probable classes."""
        return self.probabilities.argmax(1)

    @property
    def names(self) -> list[str]:
        """Names of the most probable classes."""
        return [self.classes[label] for label in self.labels]

    @property
    def is_unlike(self) -> np.ndarray:
        """bool (n,): whether an image is less like the target than 95 % of its images."""
        return self.unlikeness > 1

    @cached_property
    def runners_up(self) -> np.ndarray:
        """int64 (n,), numbers of the classes that are second."""
        return np.argsort(-self.probabilities, axis=1, kind="stable")[:, 1]


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network for the target's classes, as `geosearch.load_model` reads it.

    Attributes:
        module: a plain `torch.nn.Module`: float32 (b, ch, size, size) in [0, 1] -> logits (b, c).
        facts: its classes, preprocessing, calibration, and where it is from.
        unlike: tells images that are unlike the target's.
    """

    module: Module
    facts: ModelFacts
    unlike: Unlikeness

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.facts.classes

    @property
    def size(self) -> int:
        """Side in pixels of the images that the module takes."""
        return self.facts.preprocessing.size

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.facts.preprocessing.channels

    def predict(self, images: np.ndarray) -> Predictions:
        """Classes and probabilities of images of any one size.

        Args:
            images: uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3); they are brought to what the module takes.

        Raises:
            InvalidDataError: images of another shape or type.
        """
        ready = self.facts.preprocessing.apply(images)
        logits, features = self.read_out(ready)
        scaled = logits.astype(np.float64) / self.facts.temperature
        return Predictions(self.classes, softmax(scaled, axis=1).astype(np.float32), self.unlike.score(features))

    def read_out(self, ready: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits float32 (n, c) and features (n, d) of preprocessed images, uint8 (n, size, size, ch)."""
        is_whole = any(facts["architecture"] == WHOLE for facts in self.facts.architecture)
        place = next(self.module.parameters()).device
        return read_out(self.module, ready, encoder_batch(place) if is_whole else _BATCH)


def read_out(module: Module, images: np.ndarray, batch: int = _BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, c) and features (n, d) of a module in evaluation mode, `batch` of uint8 (n, h, w, ch) at a time."""
    logits, found = [], []
    place = next(module.parameters()).device
    with torch.inference_mode():
        for start in range(0, max(len(images), 1), batch):
            z = module.features(as_tensor(images[start : start + batch]).to(place))
            logits.append(classify(module, z).cpu().numpy())
            found.append(z.cpu().numpy())
    return np.concatenate(logits), np.concatenate(found)
