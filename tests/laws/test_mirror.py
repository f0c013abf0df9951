"""Tests stand where the code stands: tests/ROOM/test_FILE.py is about geosearch/ROOM/FILE.py."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "geosearch"
APART = ("laws", "contracts", "generators", "chaos", "fuzz", "kept", "research")  # about more than one room, or none
PROJECT = ("test_doctests.py", "test_kept.py", "test_package.py", "test_readme.py")  # about the whole project
SEVERAL = {
    "search/test_failures.py": ("search/evaluations.py", "search/objective.py"),  # a failed training, and what follows
    "study/test_unlabelled_study.py": ("study/study.py", "study/estimate.py"),  # one source without labels, everywhere
}
FILES = sorted(
    str(path.relative_to(TESTS))
    for path in TESTS.rglob("test_*.py")
    if path.relative_to(TESTS).parts[0] not in (*APART, *PROJECT)
)


@pytest.mark.parametrize("file", FILES)
def test_every_test_file_is_named_after_what_it_tests(file):
    room, name = Path(file).parent, Path(file).name
    tested = SEVERAL.get(file, (room / name.removeprefix("test_"),))
    assert [path for path in tested if not (PACKAGE / path).is_file()] == []


def test_the_exceptions_exist():
    names = [*APART, *PROJECT, *SEVERAL]
    assert [name for name in names if not (TESTS / name).exists()] == []
