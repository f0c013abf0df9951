"""A pool with structure: blobs of features, some labels wrong, and some samples from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from geosearch.curation.weighted_pool import WeightedPool


@dataclass(frozen=True, eq=False)
class Made:
    """Samples of three classes, which of them carry a wrong label, and clean ones to judge by."""

    x: np.ndarray
    labels: np.ndarray
    wrong: np.ndarray
    clean: np.ndarray
    clean_labels: np.ndarray

    @property
    def y(self) -> np.ndarray:
        return np.eye(3)[self.labels]

    def pool(self, *, core: int = 0, **options) -> WeightedPool:
        core_set = (self.clean[:core], np.eye(3)[self.clean_labels[:core]]) if core else None
        return WeightedPool.of(self.x, self.y, core_set, **options)

    def error(self, head) -> float:
        return float((head.predict(self.clean).argmax(1) != self.clean_labels).mean())


@pytest.fixture
def made() -> Made:
    rng = np.random.default_rng(0)
    centres = 2.2 * np.eye(3, 12)
    truth, clean_labels = np.arange(240) % 3, np.arange(300) % 3
    x = centres[truth] + rng.normal(size=(240, 12))
    wrong = np.zeros(240, bool)
    wrong[rng.permutation(240)[:50]] = True
    labels = np.where(wrong, (truth + rng.integers(1, 3, 240)) % 3, truth)
    return Made(x, labels, wrong, centres[clean_labels] + rng.normal(size=(300, 12)), clean_labels)
