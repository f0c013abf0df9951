"""Evaluations are kept like all else in the cache: evaluated once, and again only if their file is damaged."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from geosearch.errors import NewerFormatError, StorageError, TrainingFailedError
from geosearch.runtime import arrays
from geosearch.runtime.cache import Cache
from geosearch.runtime.result_cache import Evaluation, get_or_evaluate

KEY = "0" * 20
ENTRY = Evaluation(KEY, 0.25, 1 / 3, 1.5)


def never() -> Evaluation:
    raise AssertionError("evaluated again")


def test_an_evaluation_is_done_once_and_read_by_others(tmp_path):
    assert get_or_evaluate(Cache(tmp_path / "new" / "folder"), KEY, lambda: ENTRY) == ENTRY
    assert get_or_evaluate(Cache(tmp_path / "new" / "folder"), KEY, never) == ENTRY
    other = replace(ENTRY, key="1" * 20)
    assert get_or_evaluate(Cache(tmp_path / "new" / "folder"), other.key, lambda: other) == other


def test_a_note_is_not_kept_for_those_who_come_later(cache):
    assert get_or_evaluate(cache, KEY, lambda: replace(ENTRY, note="by chance")) == ENTRY


def test_nothing_is_kept_of_an_evaluation_that_fails(cache):
    def fail() -> Evaluation:
        raise TrainingFailedError("the loss became nan")

    with pytest.raises(TrainingFailedError):
        get_or_evaluate(cache, KEY, fail)
    assert get_or_evaluate(cache, KEY, lambda: ENTRY) == ENTRY


@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-8], lambda content: bytes(len(content)), lambda _: b"{}"]
)
def test_a_damaged_file_is_evaluated_again_with_a_warning(cache, damage, caplog):
    get_or_evaluate(cache, KEY, lambda: ENTRY)
    path = cache.path("evaluation", KEY)
    path.write_bytes(damage(path.read_bytes()))
    assert get_or_evaluate(cache, KEY, lambda: ENTRY) == ENTRY
    assert "damaged and will be computed again" in caplog.text
    caplog.clear()
    assert get_or_evaluate(cache, KEY, never) == ENTRY
    assert not caplog.records


def test_no_flipped_bit_gives_another_evaluation(cache):
    get_or_evaluate(cache, KEY, lambda: ENTRY)
    path = cache.path("evaluation", KEY)
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        assert get_or_evaluate(cache, KEY, lambda: ENTRY) == ENTRY


def test_a_newer_format_is_refused(cache, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(arrays, "FORMAT", arrays.FORMAT + 1)
        get_or_evaluate(cache, KEY, lambda: ENTRY)
    with pytest.raises(NewerFormatError, match="pip install --upgrade geosearch"):
        get_or_evaluate(cache, KEY, never)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(cache):
    cache.folder.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="set GEOSEARCH_CACHE to a folder that can be written"):
        get_or_evaluate(cache, KEY, lambda: ENTRY)
