"""Memory: a limit for estimates of memory, checked before anything is allocated, and what was freed given back."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from geosearch.errors import InvalidOptionError, TooLargeError


def limit_bytes(device: str = "cpu") -> int:
    """Bytes that may be allocated: ``$GEOSEARCH_MEMORY_GIB`` if set, else 90 % of what is free now.

    Raises:
        InvalidOptionError: the variable is not a number.
    """
    if text := os.environ.get("GEOSEARCH_MEMORY_GIB"):
        try:
            return int(float(text) * 2**30)
        except ValueError as error:
            raise InvalidOptionError(f"GEOSEARCH_MEMORY_GIB must be a number, got '{text}'") from error
    return int(0.9 * (_free_on_machine() if device == "cpu" else _free_on_device(device)))


def require(needed_bytes: int, what: str, remedy: str, device: str = "cpu") -> None:
    """Refuse a computation that needs more memory than the limit.

    Args:
        needed_bytes: estimate of what it needs.
        what: the computation, for the message.
        remedy: what to do about it, for the message.
        device: "cpu", or a torch device.

    >>> require(2**20, "a small plan", "use fewer samples")

    Raises:
        TooLargeError: `needed_bytes` exceeds the limit.
    """
    limit = limit_bytes(device)
    if needed_bytes > limit:
        raise TooLargeError(
            f"{what} needs about {_text(needed_bytes)}, the limit is {_text(limit)}; {remedy}, "
            "or set GEOSEARCH_MEMORY_GIB higher"
        )


def give_back() -> None:
    """Return memory that was freed to the system; does nothing where the C library is not glibc.

    After large allocations glibc's heap keeps what is freed: 0.4 GiB after the training of four stages of
    EfficientNet-Lite0 at 128 px. Processes that work beside it may need it.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _text(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"


def _free_on_machine() -> int:
    """MemAvailable of /proc/meminfo, or what the control group (e.g. a container) leaves, if that is less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        names = os.sysconf_names if hasattr(os, "sysconf") else {}
        known = "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 if known else 4 * 2**30
    try:
        group = Path("/sys/fs/cgroup")
        room = int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
        return min(free, max(room, 0))
    except (OSError, ValueError):
        return free


def _free_on_device(device: str) -> int:
    import torch

    return torch.cuda.mem_get_info(torch.device(device))[0]
