"""Checked arrays and the cache that holds them: right, absent or damaged; never wrong."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from safetensors.numpy import save

from geosearch.errors import NewerFormatError, StorageError
from geosearch.runtime.arrays import FORMAT, read_checked_arrays, write_checked_arrays
from geosearch.runtime.cache import Cache

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 0, 1], np.uint8)}


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "kind" / "key.safetensors"
    write_checked_arrays(path, ARRAYS)
    return path


def test_what_is_written_is_read(path):
    assert same(read_checked_arrays(path), ARRAYS)
    assert read_checked_arrays(path.with_name("other.safetensors")) is None


def test_no_flipped_bit_and_no_cut_gives_wrong_arrays(path):
    content = path.read_bytes()
    wrong = [content[:size] for size in range(len(content))]
    for at in range(len(content)):
        wrong.append(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
    for damaged in wrong:
        path.write_bytes(damaged)
        found = read_checked_arrays(path)
        assert found is None or same(found, ARRAYS)


def test_a_file_under_the_name_of_another_is_damaged(path, caplog):
    other = path.with_name("other.safetensors")
    path.rename(other)
    assert read_checked_arrays(other) is None
    assert "damaged" in caplog.text


def test_a_newer_format_is_refused_with_the_command_to_run(path):
    path.write_bytes(save(ARRAYS, {"geosearch": str(FORMAT + 1), "checksum": "of another kind"}))
    with pytest.raises(NewerFormatError, match="pip install --upgrade geosearch"):
        read_checked_arrays(path)


def test_a_cache_folder_that_is_a_file_is_named_with_the_way_out(tmp_path):
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(StorageError, match=r"cannot read .*cache.* set GEOSEARCH_CACHE to another folder"):
        Cache(tmp_path / "cache").arrays("kind", "key", lambda: ARRAYS)
    assert (tmp_path / "cache").read_text() == "mine"


@pytest.mark.parametrize("metadata", [None, {"geosearch": "1", "checksum": "of format 1"}])
def test_files_of_the_first_version_are_computed_again_and_one_sentence_says_so(tmp_path, metadata, caplog):
    cache = Cache(tmp_path)
    for key in ("one", "other"):
        cache.path("kind", key).parent.mkdir(exist_ok=True)
        cache.path("kind", key).write_bytes(save({"a": np.zeros(2)}, metadata))
        assert same(cache.arrays("kind", key, lambda: ARRAYS), ARRAYS)
    assert caplog.messages == [
        f"the cache {tmp_path} holds files of geosearch 0.1; what is needed of them is computed again"
    ]


def test_a_damaged_entry_is_computed_again_with_a_warning(path, tmp_path, caplog):
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert same(Cache(tmp_path).arrays("kind", "key", lambda: ARRAYS), ARRAYS)
    assert "damaged and will be computed again" in caplog.text
    assert same(Cache(tmp_path).arrays("kind", "key", never), ARRAYS)


def test_the_log_says_what_was_computed_and_what_was_read(path, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "geosearch")
    for _ in range(2):
        Cache(tmp_path).arrays("squares", "key", lambda: ARRAYS)
    assert caplog.messages[0].startswith("squares key computed in ")
    assert caplog.messages[1] == "squares key read from the cache"


def test_two_that_need_the_same_arrays_compute_them_once(tmp_path):
    computed = []

    def compute():
        computed.append(1)
        time.sleep(0.2)
        return ARRAYS

    threads = [threading.Thread(target=Cache(tmp_path).arrays, args=("kind", "key", compute)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    waiting = (
        "import sys, time, pathlib\nfrom geosearch.runtime.cache import Cache\n"
        "def compute():\n    print('computing', flush=True)\n    time.sleep(600)\n"
        f"Cache(pathlib.Path({str(tmp_path)!r})).arrays('kind', 'key', compute)"
    )
    child = subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "computing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (tmp_path / "kind" / "key.lock").exists()
    assert same(Cache(tmp_path).arrays("kind", "key", lambda: ARRAYS), ARRAYS)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), NotImplementedError("no flock here")])
def test_a_folder_that_cannot_be_locked_is_named_with_the_way_out(tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("geosearch.runtime.cache.FileLock.acquire", refuse)
    with pytest.raises(StorageError, match="set GEOSEARCH_CACHE to a folder that can be written"):
        Cache(tmp_path).arrays("kind", "key", never)


def never():
    raise AssertionError("computed again")
