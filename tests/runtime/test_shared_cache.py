"""Artifacts: what one machine has computed another one takes, whole, or computes itself."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from generators.studies import tiny_file

from geosearch.confirmation.confirmation import Confirmation
from geosearch.errors import InvalidOptionError, StorageError
from geosearch.runtime.cache import Cache
from geosearch.runtime.shared_cache import VARIABLE, Artifacts, _store
from geosearch.study.study import Study

ARRAYS = {"x": np.arange(12.0).reshape(3, 4)}


@pytest.fixture(params=["folder", "s3"])
def address(request, tmp_path, monkeypatch):
    """A place: a folder, or a bucket of moto's local fake of S3."""
    _store.cache_clear()
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        yield str(tmp_path / "shared")
        return
    moto = pytest.importorskip("moto", reason="moto, the fake of S3, is not installed")
    boto3 = pytest.importorskip("boto3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield "s3://bucket/some/prefix"
    _store.cache_clear()


def machine(folder: Path, address: str) -> Cache:
    return Cache(folder, Artifacts(address))


def never():
    raise AssertionError("computed again")


def test_a_second_machine_takes_what_the_first_has_computed(address, tmp_path):
    first = machine(tmp_path / "a", address).arrays("kind", "0" * 20, lambda: ARRAYS)
    second = machine(tmp_path / "b", address).arrays("kind", "0" * 20, never)
    for found in (first, second):
        np.testing.assert_array_equal(found["x"], ARRAYS["x"])
    np.testing.assert_array_equal(Cache(tmp_path / "b").arrays("kind", "0" * 20, never)["x"], ARRAYS["x"])


def test_kinds_and_keys_are_kept_apart(address, tmp_path):
    one, other = machine(tmp_path / "a", address), machine(tmp_path / "b", address)
    one.arrays("kind", "0" * 20, lambda: ARRAYS)
    for kind, key in (("kind", "1" * 20), ("other", "0" * 20)):
        assert other.arrays(kind, key, lambda: {"y": np.ones(2)}).keys() == {"y"}


def test_a_damaged_artifact_is_computed_again_and_mended(address, tmp_path, caplog):
    machine(tmp_path / "a", address).arrays("kind", "0" * 20, lambda: ARRAYS)
    store, prefix = _store(address)
    name = f"{prefix}kind-{'0' * 20}.safetensors"
    with store.open_reader(name) as reader:
        content = reader.read()
    store.write(name, io.BytesIO(content[:-3]))
    found = machine(tmp_path / "b", address).arrays("kind", "0" * 20, lambda: ARRAYS)
    assert "damaged and will be computed again" in caplog.text
    np.testing.assert_array_equal(found["x"], ARRAYS["x"])
    machine(tmp_path / "c", address).arrays("kind", "0" * 20, never)


@pytest.mark.parametrize("address", ["s3"], indirect=True)
def test_a_bucket_that_is_not_there_is_said_so(address, tmp_path):
    with pytest.raises(InvalidOptionError, match=r"GEOSEARCH_ARTIFACTS=s3://nowhere: .*404.*Not Found"):
        Artifacts("s3://nowhere")


@pytest.mark.parametrize("address", ["s3"], indirect=True)
def test_a_bucket_that_cannot_be_read_ends_the_run_with_the_way_out(address, tmp_path, monkeypatch):
    cache = machine(tmp_path / "a", address)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(_store(address)[0]), "open_reader", refuse)
    with pytest.raises(StorageError, match=r"cannot read artifacts at s3://bucket/some/prefix: .*unset it"):
        cache.arrays("kind", "0" * 20, lambda: ARRAYS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_place_that_takes_nothing_is_warned_of(tmp_path, caplog):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o500)
    found = machine(tmp_path / "a", str(shared)).arrays("kind", "0" * 20, lambda: ARRAYS)
    assert "cannot write artifacts" in caplog.text
    np.testing.assert_array_equal(found["x"], ARRAYS["x"])


def test_a_store_that_refuses_costs_no_result(tmp_path, monkeypatch, caplog):
    shared = tmp_path / "shared"
    shared.mkdir()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(_store(str(shared))[0]), "write", refuse)
    found = machine(tmp_path / "a", str(shared)).arrays("kind", "0" * 20, lambda: ARRAYS)
    assert "cannot write artifacts" in caplog.text
    np.testing.assert_array_equal(found["x"], ARRAYS["x"])


@pytest.mark.parametrize("address", ["nowhere/at/all", "s3://", "gs://bucket", "http://host/x"])
def test_an_address_that_names_no_place_is_refused(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(InvalidOptionError, match="expected s3://BUCKET/PREFIX or a folder that exists"):
        Cache.default()


def test_without_the_variable_there_are_none(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert Cache.default().artifacts is None


def test_a_study_on_another_machine_computes_no_array_anew(tmp_path, monkeypatch):
    """Two caches, two databases, one place for artifacts: anchors and predictions of the second run are the first's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "shared"))
    file = tiny_file(tmp_path)

    def run(name: str) -> tuple[Confirmation, dict[str, int]]:
        monkeypatch.setenv("GEOSEARCH_CACHE", str(tmp_path / name))
        confirmation = Study.open(file, storage=f"sqlite:///{tmp_path / name}.db").run()
        written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shared").iterdir()}
        return confirmation, written

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        (first, offered), (second, offered_then) = run("a"), run("b")
    assert offered == offered_then
    assert {name.split("-")[0] for name in offered} >= {"labels", "predictions"}
    assert [row.top1_errors for row in second.rows] == [row.top1_errors for row in first.rows]
