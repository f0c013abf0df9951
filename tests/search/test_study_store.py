"""The study database: refused when it is another's, damaged, newer, unreachable; never harmed by the refusal."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from urllib.parse import quote

import pytest

from geosearch.errors import NewerFormatError, StorageError, StudyMismatchError
from geosearch.search.fingerprint import format_setting
from geosearch.search.samplers.prior import ProxyDesign
from geosearch.search.space import Space
from geosearch.search.storage.sqlite import exclusive_access
from geosearch.search.study_record import FORMAT, StudyRecord
from geosearch.search.study_store import StudyStore, mask, stored_settings
from geosearch.search.trial_facts import LongRuns, Proposal, keep_fact

PRINT = {"study.seed": 0, "domain.target": "digits"}


def opened(url, name="toy", fingerprint=None):
    return StudyStore.open(str(url), name, fingerprint or PRINT, Space(3))


@pytest.fixture
def url(tmp_path):
    address = f"sqlite:///{tmp_path / 'study.db'}"
    opened(address)
    return address


@pytest.fixture
def begun(url):
    opened(url).study.ask()
    return url


def path_of(url):
    return url.removeprefix("sqlite:///")


def test_a_key_that_an_older_study_does_not_know_is_as_good_as_empty(begun):
    assert opened(begun, fingerprint={**PRINT, "search.earlier": [], "price.sources": {}}).name == "toy"
    with pytest.raises(
        StudyMismatchError, match=r"search\.earlier: not set \(as 0 or empty\) in the study, \['other'\] now"
    ):
        opened(begun, fingerprint={**PRINT, "search.earlier": ["other"]})


def test_a_key_that_an_older_study_does_not_know_may_be_set_to_what_was_before_it(begun):
    with pytest.raises(StudyMismatchError, match=r"domain\.balance: not set \(as 0 or empty\) in the study, 0\.5 now"):
        opened(begun, fingerprint={**PRINT, "domain.balance": 0.5})
    assert opened(begun, fingerprint={**PRINT, "domain.balance": 0.0}).name == "toy"


OTHER = {**PRINT, "domain.target": "usps"}


def test_changed_settings_are_refused_with_the_differing_keys(begun):
    with pytest.raises(StudyMismatchError, match=r"domain.target: 'digits' in the study, 'usps' now") as caught:
        opened(begun, fingerprint=OTHER)
    assert "study.seed" not in str(caught.value)
    assert "--force-new" in str(caught.value)


def test_a_study_without_a_trial_takes_the_settings_and_data_that_it_is_opened_with(url):
    """So whoever corrects a mistake that a first start complained of may go on."""
    first = opened(url)
    first.verify_datasets({"digits": "print"})
    first.update(debiased_design=ProxyDesign((1.0,), 1.0))
    mended = opened(url, fingerprint=OTHER)
    assert mended.record == StudyRecord(fingerprint=OTHER)
    mended.verify_datasets({"usps": "print"})
    mended.verify_datasets({"usps": "other print"})
    assert mended.record.contents == {"usps": "other print"}
    mended.study.ask()
    with pytest.raises(StudyMismatchError, match="the data are not those"):
        mended.verify_datasets({"usps": "print"})


def test_who_begins_while_another_restarts_the_study_is_not_undone(url, monkeypatch):
    @contextmanager
    def late(url):
        opened(url).share()
        yield

    monkeypatch.setattr("geosearch.search.study_store.exclusive_access", late)
    with pytest.raises(StudyMismatchError, match="other settings"):
        opened(url, fingerprint=OTHER)
    assert opened(url).record == StudyRecord(fingerprint=PRINT, shared=True)


@pytest.mark.parametrize("writes", range(4))
def test_what_was_computed_under_old_settings_never_stands_beside_the_new_ones(url, monkeypatch, writes):
    """Whenever the process that restarts the study is killed."""
    opened(url).update(contents={"digits": "print"}, settings={"study": {"seed": 0}}, baselines=("uniform",))
    write, left = StudyStore.set_meta, iter(range(writes))

    def killed(store, key, value):
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(store, key, value)

    with monkeypatch.context() as context:
        context.setattr(StudyStore, "set_meta", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(url, fingerprint=OTHER)
    assert opened(url, fingerprint=OTHER).record == StudyRecord(fingerprint=OTHER)


def test_proxies_from_before_they_were_debiased_are_not_read(url):
    """They stand under other names, so that a study begun before compares like with like."""
    store = opened(url)
    store.study.set_user_attr("proxy_design", {"values": [1.0], "seconds": 1.0})
    trial = store.study.ask()
    store.space.suggest(trial)
    keep_fact(trial, Proposal(0, 0, "searched", 3.5))
    trial.report(1.0, 0)
    trial.set_user_attr("proxy", {"seconds": 0.1})
    store.study.tell(trial, 0.5)
    assert opened(url).record.debiased_design is None
    assert [old.proxy for old in opened(url).trials()] == [None]


def test_nobody_changes_the_settings_under_those_who_begin(url):
    with exclusive_access(url), pytest.raises(StorageError, match="another process is searching"):
        opened(url, fingerprint=OTHER)
    opened(url).share()
    with pytest.raises(StudyMismatchError, match="other settings"):
        opened(url, fingerprint=OTHER)
    opened(url).verify_datasets({"digits": "print"})
    with pytest.raises(StudyMismatchError, match="the data are not those"):
        opened(url).verify_datasets({"digits": "other print"})
    assert opened(url).record.fingerprint == PRINT


def test_a_database_of_another_study_is_refused(url):
    with pytest.raises(StudyMismatchError, match="holds the study 'toy', not 'other'"):
        opened(url, name="other")


def test_a_newer_format_is_refused(url):
    opened(url).set_meta("geosearch", {"format": FORMAT + 1, "fingerprint": PRINT})
    with pytest.raises(NewerFormatError, match="newer geosearch"):
        opened(url)


@pytest.mark.parametrize("format", [1, 2])
def test_a_format_of_the_first_version_is_refused_with_what_to_do(url, format):
    opened(url).set_meta("geosearch", {"format": format, "fingerprint": PRINT})
    with pytest.raises(StudyMismatchError, match=r"geosearch 0\.1 .*finish it with version 0\.1.*--force-new"):
        opened(url)


def test_a_field_of_the_wrong_type_is_refused_with_its_name(url):
    opened(url).set_meta("stage_seconds", {"evaluations": "long"})
    with pytest.raises(StorageError, match=r"holds something that geosearch did not write.*evaluations"):
        opened(url).trials()


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_database_is_refused_and_left_alone(url, share):
    with open(path_of(url), "rb") as file:
        content = file.read()
    cut = content[: int(len(content) * share)]
    with open(path_of(url), "wb") as file:
        file.write(cut)
    with pytest.raises(StorageError, match="restore it from a copy"):
        opened(url)
    with open(path_of(url), "rb") as file:
        assert file.read() == cut


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        opened(f"sqlite:///{path}")


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table songs (title)")
        connection.commit()
    with pytest.raises(StorageError, match="not a study database"):
        opened(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("songs",)]


def test_a_read_only_database_is_refused(url):
    read_only = f"sqlite:///file:{path_of(url)}?mode=ro&uri=true"
    with pytest.raises(StorageError, match="readonly"):
        opened(read_only, fingerprint=PRINT).set_meta("x", 1)


def test_a_read_only_file_is_refused_before_it_is_opened(url, monkeypatch):
    monkeypatch.setattr("geosearch.search.storage.sqlite.os.access", lambda *_: False)
    with pytest.raises(StorageError, match="read-only; make it writable"):
        opened(url)


def test_an_unreachable_server_is_named_without_its_password():
    with pytest.raises(StorageError) as caught:
        opened("postgresql://someone:secret@127.0.0.1:1/study")
    assert "secret" not in str(caught.value)
    assert "postgresql://someone:***@127.0.0.1:1/study" in str(caught.value)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(StorageError, match="expected something like sqlite:///"):
        opened("studies/mnist.db")


def test_passwords_are_masked():
    assert mask("postgresql://u:secret@h/db") == "postgresql://u:***@h/db"


def test_settings_come_back_without_opening_a_search(url, tmp_path):
    opened(url).update(settings={"study": {"name": "toy"}})
    assert stored_settings(url) == ("toy", {"study": {"name": "toy"}})
    with pytest.raises(StorageError, match="no study database"):
        stored_settings(f"sqlite:///{tmp_path / 'nothing.db'}")


def test_long_runs_of_finished_trials_add_up(url):
    store, found = opened(url), LongRuns(runs=2, seconds=1.0, expected_error=0.4, error=0.5)
    store.add_long_runs({3: found})
    store.add_long_runs({4: replace(found, runs=3, deviation=0.1)})
    assert store.record.long_runs == {3: found, 4: replace(found, runs=3, deviation=0.1)}


@pytest.mark.parametrize(
    "password", ["p@QZ/w#QX", "p@QZ", "a@b@c", "p@QZ:w/QX", "p?a@QZ", "p@QZ?w", "p@Q#Z?x=1", "p@QZ:1234/x"]
)
def test_a_password_that_has_to_be_encoded_is_not_shown(password):
    with pytest.raises(StorageError, match=r"percent-encoded .*@ is %40") as caught:
        opened(f"postgresql://me:{password}@127.0.0.1:1/db")
    assert not [piece for piece in re.split("[@/#?:=]", password) if len(piece) > 1 and piece in str(caught.value)]
    with pytest.raises(StorageError, match=r"cannot use postgresql://me:\*\*\*@127\.0\.0\.1:1/db") as caught:
        opened(f"postgresql://me:{quote(password, safe='')}@127.0.0.1:1/db")
    assert password not in str(caught.value)


@pytest.mark.parametrize("login", ["me@server:secret", "me:100%", "me:a:b", "me:a#b"])
def test_logins_that_need_no_encoding_are_taken(login):
    with pytest.raises(StorageError, match="cannot use postgresql://me"):
        opened(f"postgresql://{login}@127.0.0.1:1/db?application_name=a@b")


def test_settings_are_shown_without_passwords():
    shown = format_setting({"search.earlier": ["before", "postgresql://me:secret@h/db"]}, "search.earlier")
    assert shown == "['before', 'postgresql://me:***@h/db']"
