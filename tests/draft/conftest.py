"""A machine of known speed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from geosearch.draft import budget


@pytest.fixture(autouse=True)
def fast_machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A step takes 1 ms for 28 x 28 pixels, and more in proportion; a call sets another speed."""
    seconds = [1e-3]

    def measure(file, classes: int) -> float:
        return seconds[0] * file.domain.size**2 / 28**2

    monkeypatch.setattr(budget, "measure_step", measure)

    def change(step: float) -> None:
        seconds[0] = step

    return change
