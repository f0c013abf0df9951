"""EarlyStopping: when to stop a training whose loss no longer improves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from geosearch.errors import InvalidOptionError

CHECK_EVERY = 10  # steps; reading the loss synchronizes with the accelerator


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the smoothed training loss has not improved by a relative amount for some steps.

    With `OneCycle` the loss falls most at the end of the run, and a run stopped before that is worse than a complete
    shorter run; combine early stopping with `Constant` and an average of the weights.

    Attributes:
        share: smallest relative improvement that counts, in (0, 1).
        patience: steps without such an improvement before training stops; checked every 10 steps.
        window: time constant in steps of the exponential moving average of the loss.

    Raises:
        InvalidOptionError: an option out of range.

    Example:
        >>> import torch
        >>> from geosearch.nn import EarlyStopping
        >>> monitor = EarlyStopping(patience=20).monitor()
        >>> [monitor.should_stop(torch.tensor(1.0)) for _ in range(40)].index(True)
        29
    """

    share: float = 0.01
    patience: int = 100
    window: int = 25

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.patience < 1 or self.window < 1:
            raise InvalidOptionError(
                "EarlyStop needs share in (0, 1), patience >= 1 and window >= 1 steps, got "
                f"{self.share}, {self.patience} and {self.window}"
            )

    def monitor(self) -> EarlyStoppingMonitor:
        """The state of early stopping for one run."""
        return EarlyStoppingMonitor(self)


class EarlyStoppingMonitor:
    """The smoothed loss of one run, and the step of its last improvement."""

    def __init__(self, option: EarlyStopping) -> None:
        self._option = option
        self._smooth: torch.Tensor | None = None
        self._best, self._improved, self._step = math.inf, 0, 0

    def should_stop(self, loss: torch.Tensor) -> bool:
        """Record the loss of one more step (a scalar tensor); True if training should stop."""
        loss = loss.detach()
        self._smooth = loss.clone() if self._smooth is None else self._smooth.lerp_(loss, 1.0 / self._option.window)
        self._step += 1
        if self._step % CHECK_EVERY:
            return False
        smooth = float(self._smooth)
        if smooth < self._best * (1.0 - self._option.share):
            self._best, self._improved = smooth, self._step
        return self._step - self._improved >= self._option.patience
