"""A machine of known speed, without pretrained networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from geosearch.draft import budget, findings


@pytest.fixture(autouse=True)
def fast_machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A step takes 1 ms for 28 x 28 pixels, and more in proportion; a call sets another speed."""
    seconds = [1e-3]

    def measure(file, classes: int) -> float:
        return seconds[0] * file.domain.size**2 / 28**2

    monkeypatch.setattr(budget, "measure_step", measure)
    monkeypatch.setattr(findings, "find_encoder", lambda: None)
    monkeypatch.setattr(budget, "measure_encoding", lambda file: 1e-2)

    def change(step: float) -> None:
        seconds[0] = step

    return change
