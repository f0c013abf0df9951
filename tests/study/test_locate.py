"""Which study a name means: a begun one, a study file in studies/, an example of the package."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from generators.studies import tiny, write_toml
from generators.workers import ELSEWHERE, toy_search

from geosearch.config.examples import example_file, example_names
from geosearch.config.read import read_study
from geosearch.errors import StorageError
from geosearch.search.process import ProcessId
from geosearch.search.trial_facts import Claim, keep_fact
from geosearch.study.local_workers import search_access
from geosearch.study.locate import backup_study, resolve

URL = "sqlite:///study.db"
REBOOTED = replace(ProcessId.here(), namespace="pid:[1] an earlier boot", started="1")


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


def used_by(process):
    """The toy study with a trial that a process has begun."""
    store = toy_search(URL).store
    keep_fact(store.study.ask(), Claim(process))
    return store


@pytest.mark.parametrize("process", [REBOOTED, ELSEWHERE, ProcessId("macbook", 7)])
def test_a_study_that_a_killed_search_had_by_itself_is_put_aside(process):
    used_by(process)
    backup_study(URL)
    assert Path("study.old-1.db").exists()


def test_a_shared_study_is_put_aside_once_the_machine_has_restarted():
    store = used_by(REBOOTED)
    store.update(searching=REBOOTED)
    store.share()
    backup_study(URL)
    assert Path("study.old-1.db").exists()


def test_a_shared_study_whose_users_may_be_at_work_is_not_put_aside():
    used_by(ELSEWHERE).share()
    with pytest.raises(StorageError, match="rename the file yourself"):
        backup_study(URL)


def test_a_shared_study_is_not_put_aside_while_its_search_prepares_or_confirms():
    with (
        search_access(toy_search(URL).store, workers=2),
        pytest.raises(StorageError, match="other processes are using"),
    ):
        backup_study(URL)
    backup_study(URL)
    assert Path("study.old-1.db").exists()


def test_a_study_that_another_process_has_just_put_aside_is_left_to_it(monkeypatch):
    @contextmanager
    def too_late(address):
        Path("study.db").unlink()
        yield

    toy_search(URL)
    monkeypatch.setattr("geosearch.study.locate.exclusive_access", too_late)
    backup_study(URL)
    assert not list(Path().glob("*.db"))
