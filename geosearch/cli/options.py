"""`geosearch options`."""

from __future__ import annotations


def options() -> None:
    """Print every key of a study file with its default and meaning."""
    from geosearch.config.reference import options_table

    print(options_table(), end="")
