"""Memory is estimated before it is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from geosearch.errors import TooLarge


def limit_bytes() -> int:
    """``$GEOSEARCH_MEMORY_GIB`` if set, else nine tenths of what the machine has available now."""
    if text := os.environ.get("GEOSEARCH_MEMORY_GIB"):
        return int(float(text) * 2**30)
    return int(0.9 * _available_bytes())


def require(needed_bytes: int, what: str, remedy: str) -> None:
    """Raise TooLarge, with the number and the way out, when `needed_bytes` passes the limit."""
    limit = limit_bytes()
    if needed_bytes > limit:
        raise TooLarge(
            f"{what} needs about {needed_bytes / 2**30:.1f} GiB, the limit is {limit / 2**30:.1f} GiB; {remedy}, "
            "or raise GEOSEARCH_MEMORY_GIB"
        )


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 * 2**30
