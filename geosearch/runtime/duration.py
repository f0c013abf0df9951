"""Duration: seconds in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """In the two largest units that matter: 12 µs, 52 ms, 2.1 s, 38 s, 2 min 5 s, 5 min, 3 h 12 min."""
    if seconds < 0.0995:
        small, unit = (1000 * seconds, "ms") if seconds >= 0.001 else (1e6 * seconds, "µs")
        return f"{small:.0f} {unit}" if seconds else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(whole / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def whole_minutes(seconds: float) -> float:
    """An estimate without seconds that it cannot know: rounded to minutes from two minutes on."""
    return 60.0 * round(seconds / 60) if seconds >= 120 else seconds
