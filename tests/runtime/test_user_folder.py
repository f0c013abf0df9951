"""Users without a home folder, and users that do not exist."""

from __future__ import annotations

import os
import pwd
import tempfile

import pytest

from geosearch.cli.main import main
from geosearch.errors import GeosearchError, InvalidOptionError, StorageError
from geosearch.runtime import user_folder
from geosearch.runtime.cache import Cache, default_folder
from geosearch.runtime.user_folder import cache_home, expand_user


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """As in a container that runs under a uid without an entry in passwd."""

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME", "GEOSEARCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    user_folder._temporary_home.cache_clear()
    yield tmp_path
    user_folder._temporary_home.cache_clear()


def test_a_path_of_an_unknown_user_says_what_was_probably_meant():
    with pytest.raises(InvalidOptionError, match="no user 'nobody-at-all'; did you mean '~/nobody-at-all/x'"):
        expand_user("~nobody-at-all/x")
    assert str(expand_user("~/x")) == os.path.expanduser("~/x")
    assert str(expand_user("a~b")) == "a~b"


@pytest.mark.parametrize("spec", ["imagefolder:~photos-of-mine", "npz:~bobby-tables/t.npz"])
def test_every_command_refuses_an_unknown_user(spec, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.toml").write_text(
        f'[study]\nname = "t"\n[domain]\ntarget = "{spec}"\nsources = ["digits", "fonts/sans-digits"]\n'
    )
    commands = (
        ("check", "t.toml"), ("search", "t.toml"), ("distance", spec, "digits"), ("label", spec, "--out", "l"),
        ("curate", spec, "--out", "c"), ("status", "journal:~bobby-tables/x"),
    )  # fmt: skip
    for command in commands:
        assert main(list(command)) == 2, command
        err = capsys.readouterr().err
        assert "there is no user" in err
        assert "did you mean '~/" in err
        assert err.splitlines()[-1].startswith("geosearch: ")


def test_without_a_home_results_are_kept_in_the_temporary_folder(homeless, caplog):
    folder = homeless / f"geosearch-{os.getuid()}"
    assert default_folder() == folder / "geosearch"
    assert default_folder() == folder / "geosearch"
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once
    assert str(folder) in caplog.text
    assert "set GEOSEARCH_CACHE" in caplog.text
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Cache.default().arrays("squares", "0" * 20, lambda: {"x": __import__("numpy").arange(3)})["x"].tolist()


def test_without_a_home_and_a_temporary_folder_there_is_one_message(homeless, monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(StorageError, match="set GEOSEARCH_CACHE"):
        cache_home()


def test_a_temporary_folder_of_somebody_else_is_not_used(homeless, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (homeless / f"geosearch-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="belongs to another user"):
        default_folder()


def test_without_a_home_commands_run(homeless, capsys):
    assert main(["domains"]) == 0
    assert "digits" in capsys.readouterr().out
    assert main(["distance", "imagefolder:~/photos", "digits"]) == 2
    assert "set HOME, or write the path out" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_one_message(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GEOSEARCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(GeosearchError, match=r"of the cache: Not a directory.* set GEOSEARCH_CACHE"):
        Cache.default().arrays("squares", "0" * 20, dict)
