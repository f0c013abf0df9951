"""Limits: how large a file or picture may unpack before it is refused; raised by environment variables."""

from __future__ import annotations

import os

from geosearch.errors import InvalidOptionError


def most_pixels() -> int:
    """Pixels of one picture, at most: ``$GEOSEARCH_MAX_PIXELS``, by default 64 Mi."""
    return int(_number("GEOSEARCH_MAX_PIXELS", 64 * 2**20))


def most_bytes() -> int:
    """Bytes of one set, at most: ``$GEOSEARCH_MAX_GIB``, by default 16 GiB."""
    return int(_number("GEOSEARCH_MAX_GIB", 16) * 2**30)


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable, "")
    try:
        value = float(text or default)
    except ValueError:
        value = -1
    if not 0 < value < 2**50:
        raise InvalidOptionError(f"{variable} must be a positive number, got '{text}'; set it to one, or unset it")
    return value
