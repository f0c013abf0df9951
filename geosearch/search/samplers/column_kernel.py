"""ColumnKernel: a kernel of scikit-learn that sees some columns of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel


class ColumnKernel(Kernel):  # type: ignore[misc]
    """Another kernel, applied to the columns from `start` to `stop`; its hyperparameters are those of the other.

    >>> from sklearn.gaussian_process.kernels import DotProduct
    >>> kernel = ColumnKernel(DotProduct(0.0, "fixed"), 1, 3)
    >>> kernel(np.array([[9.0, 1.0, 2.0], [9.0, 0.0, 1.0]])).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """

    def __init__(self, kernel: Kernel, start: int, stop: int) -> None:
        self.kernel, self.start, self.stop = kernel, start, stop

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"kernel": self.kernel, "start": self.start, "stop": self.stop}

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        found: list[Hyperparameter] = self.kernel.hyperparameters
        return found

    @property
    def theta(self) -> np.ndarray:
        """(t,) logarithms of the hyperparameters."""
        return np.asarray(self.kernel.theta)

    @theta.setter
    def theta(self, theta: np.ndarray) -> None:
        self.kernel.theta = theta

    @property
    def bounds(self) -> np.ndarray:
        """(t, 2) of `theta`."""
        return np.asarray(self.kernel.bounds)

    def __call__(self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False) -> Any:
        return self.kernel(self._columns(X), None if Y is None else self._columns(Y), eval_gradient)

    def diag(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.kernel.diag(self._columns(X)))

    def is_stationary(self) -> bool:
        return False

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, self.start : self.stop]
