"""The ground cost that a neural map is trained on, in pixels, and the one it is reported in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import DomainMismatchError, InvalidDataError
from geosearch.nn.networks import SMALLEST_SIZE
from geosearch.nn.streams import as_tensor
from geosearch.transport.label_distances.gaussian import GaussianLabels
from geosearch.transport.maps.base import Pair, Pushforward

_LAW_ROWS = 1000  # images of a class that its Gaussian is made of


@dataclass(frozen=True, eq=False)
class PixelCost:
    """The two sets and their ground cost, on the device of the training; costs in units of the mean random pair.

    Attributes:
        images, labels: target, float32 (n, ch, h, w) in [0, 1] and int64 (n,).
        source_images, source_labels: source, float32 (p, ch, h, w) and one-hot float32 (p, c2).
        table: float32 (c, c2), squared W2 between classes in pixels.
        feature_weight, label_weight: lx and ly of the ground cost.
        unit: mean ground cost of a random pair, squared pixels.
    """

    images: torch.Tensor
    labels: torch.Tensor
    source_images: torch.Tensor
    source_labels: torch.Tensor
    table: torch.Tensor
    feature_weight: float
    label_weight: float
    unit: float

    def cost(self, images: torch.Tensor, labels: torch.Tensor, moved: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
        """Ground cost of (b, ch, h, w) of classes (b,) and their pushes with soft labels (b, c2): (b,)."""
        features = (images - moved).square().sum((1, 2, 3))
        classes = (self.table[labels] * soft).sum(1)
        return (self.feature_weight * features + self.label_weight * classes) / self.unit


def check(pair: Pair) -> None:
    """Refuse what no neural map can be fitted to."""
    shape, other = pair.reference.shape, pair.source.shape
    if shape != other:
        raise DomainMismatchError(
            f"target '{pair.reference.name}' has images {shape}, source '{pair.source.name}' {other}; "
            "harmonize them to one size first"
        )
    if min(shape[:2]) < SMALLEST_SIZE:
        raise DomainMismatchError(
            f"a neural map needs images of at least {SMALLEST_SIZE} px, got {shape}; set a larger size"
        )
    if np.isnan(pair.table[np.ix_(np.unique(pair.reference.labels), np.unique(pair.source.labels))]).any():
        raise InvalidDataError("the pair's label table is NaN for classes that have rows; make it from these very sets")


def make_pixel_cost(pair: Pair, device: torch.device) -> PixelCost:
    """The pair in pixels, whatever its encoder is."""
    x, x2 = (PixelEncoder().encode(each.images) for each in (pair.reference, pair.source))
    plain = GaussianLabels(debiased=False)  # the learning rates were chosen with costs in units of this table
    table = np.nan_to_num(plain.table(_by_class(x, pair.reference), _by_class(x2, pair.source)))
    share, share2 = (
        np.bincount(each.labels, minlength=len(each.classes)) / len(each) for each in (pair.reference, pair.source)
    )
    # E|x - x'|^2 of independent draws
    spread = x.var(0).sum() + x2.var(0).sum() + np.square(x.mean(0) - x2.mean(0)).sum()
    unit = float(pair.feature_weight * spread + pair.label_weight * (share @ table @ share2))
    return PixelCost(
        images=as_tensor(pair.reference.images).to(device),
        labels=torch.from_numpy(pair.reference.labels).to(device),
        source_images=as_tensor(pair.source.images).to(device),
        source_labels=F.one_hot(torch.from_numpy(pair.source.labels), len(pair.source.classes)).float().to(device),
        table=torch.from_numpy(table).float().to(device),
        feature_weight=pair.feature_weight,
        label_weight=pair.label_weight,
        unit=unit if unit > 0 else 1.0,
    )


def mean_cost(pair: Pair, pushed: Pushforward) -> float:
    """Mean ground cost of the reference and its push, in squared feature units of the pair's encoder."""
    gaps = pair.encoder.encode(pair.reference.images) - pair.encoder.encode(pushed.images)
    features = np.square(gaps, dtype=np.float64).sum(1)
    # classes of the source without a row have NaN in the table and no probability
    classes = (np.nan_to_num(pair.table)[pair.reference.labels] * pushed.labels).sum(1)
    return float((pair.feature_weight * features + pair.label_weight * classes).mean())


def _by_class(features: np.ndarray, data: LabelledSet) -> list[np.ndarray]:
    groups = [features[data.labels == label] for label in range(len(data.classes))]
    return [group[:: -(-len(group) // _LAW_ROWS) or 1] for group in groups]
