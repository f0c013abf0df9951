"""File names made of class and set names that may hold anything."""

from __future__ import annotations

import unicodedata

_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{i}" for port in ("COM", "LPT") for i in range(10))}  # on Windows


def safe_name(name: str, limit: int = 100) -> str:
    """A file name that cannot leave its folder: letters, digits, '.', '_', '-'; at most `limit` bytes.

    >>> safe_name("../fonts/sans/α")
    'fonts-sans-α'
    """
    text = "".join(c if _is_kept(c) else "-" for c in unicodedata.normalize("NFC", name))
    text = text.encode(errors="replace")[:limit].decode(errors="ignore").strip(".-") or "unnamed"
    return f"_{text}" if text.partition(".")[0].upper() in _RESERVED else text


def _is_kept(letter: str) -> bool:
    """Whether it may stay: many scripts write vowels as marks."""
    return letter.isalnum() or letter in "._-" or unicodedata.category(letter)[0] == "M"
