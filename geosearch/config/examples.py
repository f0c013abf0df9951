"""Study files that come with the package, each known by the name of its file."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("example_studies")


def example_names() -> list[str]:
    """Names of all examples, sorted.

    >>> example_names()
    ['mnist', 'npz-example', 'photographs', 'quickstart']
    """
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def example_file(name: str) -> Path | None:
    """The study file of an example; None if there is none of that name."""
    return FOLDER / f"{name}.toml" if name in example_names() else None
