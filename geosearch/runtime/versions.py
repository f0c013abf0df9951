"""Versions of the packages that results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import geosearch

PACKAGES = ("geosearch", "torch", "torchvision", "optuna", "pot", "numpy", "scipy", "joblib")


def versions() -> tuple[tuple[str, str], ...]:
    """(package, version) of Python and of `PACKAGES`; "unknown" for one without package metadata.

    >>> versions()[0][0]
    'python'
    """
    return (("python", platform.python_version()), *((package, _of(package)) for package in PACKAGES))


def _of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return geosearch.__version__ if package == "geosearch" else "unknown"
