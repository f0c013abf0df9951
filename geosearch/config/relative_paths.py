"""Relative paths in a study file: looked up from the working folder and, if nothing is there, beside the study file."""

from __future__ import annotations

import os
from pathlib import Path

from geosearch.data.loaders.path_loader import PathLoader
from geosearch.data.loaders.registry import find_loader
from geosearch.errors import UnknownDatasetError
from geosearch.runtime.user_folder import expand_user


def relative_path(spec: str) -> Path | None:
    """The relative path that the specification of a data set holds; None if it holds none.

    >>> relative_path("npz:sets/mine.npz"), relative_path("npz:/data/mine.npz"), relative_path("digits")
    (PosixPath('sets/mine.npz'), None, None)
    """
    try:
        loader = find_loader(spec)
    except UnknownDatasetError:
        return None
    if not isinstance(loader, PathLoader) or loader.text.startswith("~"):
        return None
    path = Path(os.path.expandvars(loader.text))
    return None if path.is_absolute() else path


def place_set(spec: str, folder: Path) -> str:
    """A specification; with an absolute path if its relative one leads to nothing from here, but does from `folder`."""
    path = relative_path(spec)
    if path is None or os.path.exists(path) or not os.path.exists(folder / path):
        return spec
    loader = find_loader(spec)
    assert isinstance(loader, PathLoader)
    return loader.spec_at(_absolute(folder / path))


def place_path(text: str, folder: Path) -> str:
    """As `place_set`, for a plain path."""
    path = text if text.startswith("~") else os.path.expandvars(text)
    if os.path.isabs(expand_user(path)) or os.path.exists(path) or not os.path.exists(folder / path):
        return text
    return _absolute(folder / path)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)
