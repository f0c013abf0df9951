"""Shell completion: studies, study files and data sets."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from geosearch.cli.completion import complete_dataset, complete_study


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    for name in ("own.toml", "studies/quickstart.toml", "studies/mnist.db"):
        (tmp_path / name).touch()
    np.savez("mine.npz", images=np.zeros((2, 4, 4)))
    (tmp_path / "pictures").mkdir()


def test_studies_are_completed_by_file_and_by_name():
    assert complete_study("") == [
        "mnist",
        "npz-example",
        "own.toml",
        "photographs",
        "quickstart",
        "studies/quickstart.toml",
    ]
    assert complete_study("q") == ["quickstart"]  # comes with the package
    assert complete_study("studies/q") == ["studies/quickstart.toml"]
    assert complete_study("m") == ["mnist"]
    assert complete_study("none/such") == []


def test_data_sets_are_completed_by_name_and_by_path():
    assert "fonts/serif-greek" in complete_dataset("fonts/s")
    assert complete_dataset("npz:m") == ["npz:mine.npz"]
    assert complete_dataset("imagefolder:p") == ["imagefolder:pictures"]


def test_a_shell_is_given_completions(tmp_path):
    words = {"_GEOSEARCH_COMPLETE": "complete_bash", "COMP_WORDS": "geosearch search stud", "COMP_CWORD": "2"}
    call = [sys.executable, "-m", "geosearch.cli.main"]
    shown = subprocess.run(call, env={**os.environ, **words}, capture_output=True, text=True, cwd=tmp_path)
    assert shown.stdout.split() == ["studies/quickstart.toml"]
