"""Which study a name means: a begun one, a study file in studies/, an example of the package."""

from __future__ import annotations

import pytest
from generators.studies import tiny, write_toml

from geosearch.config.examples import example_file, example_names
from geosearch.config.read import read_study
from geosearch.study.locate import resolve


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEOSEARCH_DATA", str(tmp_path))


@pytest.mark.parametrize("name", example_names())
def test_an_example_is_known_by_its_name(name):
    file, address = resolve(name, None)
    assert file == read_study(example_file(name))
    assert address == f"sqlite:///studies/{file.study.name}.db"


def test_an_example_may_have_another_storage():
    assert resolve("quickstart", "journal:shared.journal")[1] == "journal:shared.journal"


def test_a_study_file_of_ones_own_comes_before_an_example(tmp_path):
    (tmp_path / "studies").mkdir()
    write_toml(tmp_path / "studies" / "quickstart.toml", tiny(tmp_path))
    assert resolve("quickstart", None)[0].study.name == "tiny"
