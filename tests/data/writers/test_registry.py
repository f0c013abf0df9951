"""Formats by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from geosearch.data.writers import base, registry
from geosearch.data.writers.base import Batch, Contents, Writer
from geosearch.data.writers.registry import find_writer, writer_names


def test_a_new_format_is_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "WRITERS", registered := dict(base.WRITERS))
    monkeypatch.setattr(registry, "WRITERS", registered)

    @base.register_writer
    @dataclass(frozen=True)
    class Raw(Writer):
        name = "raw"
        layout = "All pixels in `pixels`, one image after the other, without any label."

        def write(self, folder: Path, contents: Contents, batches: Iterator[Batch]) -> None:
            (folder / "pixels").write_bytes(b"".join(images.tobytes() for images, _ in batches))

    assert "raw" in writer_names()
    batch = np.zeros((2, 4, 4, 1), np.uint8), np.eye(2, dtype=np.float32)
    find_writer("raw").write(tmp_path, Contents("pair", 2, (4, 4, 1), ("a", "b")), iter([batch]))
    assert (tmp_path / "pixels").stat().st_size == 32
