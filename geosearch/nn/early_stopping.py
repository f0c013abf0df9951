"""EarlyStop: when a training has stopped getting better, as an option object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from geosearch.errors import InvalidOptionError

CHECK_EVERY = 10  # steps; a look at the loss makes an accelerator wait


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the smoothed training loss has not improved by a relative share for some steps.

    A falling learning rate (`OneCycle`) lowers the loss last of all, and a run stopped on its plateau before that
    is worse than a shorter whole run; use it with `Constant`, and an average of the weights.

    Attributes:
        share: relative improvement in (0, 1) that counts.
        patience: steps without one that are waited for; looked at every 10 steps.
        window: steps that the loss is smoothed over (time constant of an exponential mean).
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
        """A monitor for one run."""
        return EarlyStoppingMonitor(self)


class EarlyStoppingMonitor:
    """The smoothed loss of one run, and the step at which it was last seen to improve."""

    def __init__(self, option: EarlyStopping) -> None:
        self._option = option
        self._smooth: torch.Tensor | None = None
        self._best, self._improved, self._step = math.inf, 0, 0

    def should_stop(self, loss: torch.Tensor) -> bool:
        """Take in the loss of one more step (a scalar); True if training should stop."""
        loss = loss.detach()
        self._smooth = loss.clone() if self._smooth is None else self._smooth.lerp_(loss, 1.0 / self._option.window)
        self._step += 1
        if self._step % CHECK_EVERY:
            return False
        smooth = float(self._smooth)
        if smooth < self._best * (1.0 - self._option.share):
            self._best, self._improved = smooth, self._step
        return self._step - self._improved >= self._option.patience
