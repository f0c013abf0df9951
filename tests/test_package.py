"""What is shipped and how it is checked: the files of the package, and one list of checks in two places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import geosearch

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "geosearch"


def test_the_hooks_run_the_very_checks_of_ci():
    checks = (ROOT / ".ci" / "run").read_text().partition("# The checks")[2].splitlines()[1:]
    hooks = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.M)
    assert hooks == checks


def test_every_file_of_the_package_that_is_no_python_is_shipped():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["geosearch"]
    shipped = {path for pattern in data for path in PACKAGE.glob(pattern)}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert files - shipped == set(PACKAGE.rglob("*.py"))


def test_the_version_is_one():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == geosearch.__version__


def test_the_examples_in_studies_are_those_of_the_package():
    for path in (PACKAGE / "config" / "example_studies").glob("*.toml"):
        assert (ROOT / "studies" / path.name).resolve() == path
