"""Duration: seconds in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """In the two largest units that matter: 12 µs, 52 ms, 2.1 s, 38 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 0.1:
        small, unit = (1000 * seconds, "ms") if seconds >= 0.001 else (1e6 * seconds, "µs")
        return f"{small:.0f} {unit}" if seconds else "0 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
