"""Python objects are read as labels without being run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from geosearch.data.loaders.object_labels import read_objects
from geosearch.data.loaders.registry import load
from geosearch.errors import InvalidDataError

IMAGES = np.arange(4 * 36, dtype=np.uint8).reshape(4, 6, 6)


def saved(array: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    file.seek(0)
    return file


@pytest.mark.parametrize("protocol", range(3, 6))
def test_every_protocol_is_understood(protocol: int) -> None:
    values = [f"name {number % 300}" for number in range(5000)]
    header = saved(np.array(values, object)).getvalue()
    header = header[: header.index(b"\n") + 1]
    content = header + pickle.dumps(np.array(values, object), protocol=protocol)
    assert read_objects(io.BytesIO(content)).tolist() == values


@pytest.mark.parametrize("values", [["cat", "dog", "cat"], [b"a", b"b", b"a"], [1, 2, 1], [True, False, True]])
def test_plain_values_come_back(values: list[object]) -> None:
    for shape in ((3,), (3, 1)):
        array = np.array(values, object).reshape(shape)
        assert read_objects(saved(array)).tolist() == array.tolist()


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("place", ["element", "whole"])
def test_nothing_that_the_file_says_is_run(tmp_path: Path, place: str) -> None:
    evil = Evil(str(tmp_path / "made"))
    file = saved(np.array([evil, "b"], object))
    if place == "whole":
        content = file.getvalue()
        file = io.BytesIO(content[: content.index(b"\n") + 1] + pickle.dumps(evil))
    with pytest.raises(ValueError, match="no labels"):
        read_objects(file)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("values", [[{}, "a"], [["a"], "b"], [None, "a"]])
def test_other_objects_are_refused(values: list[object]) -> None:
    array = np.empty(len(values), object)
    array[:] = values
    with pytest.raises(ValueError, match="no labels"):
        read_objects(saved(array))


def test_damage_is_an_error(tmp_path: Path) -> None:
    whole = saved(np.array(["a", "b"], object)).getvalue()
    for cut in range(80, len(whole)):
        with pytest.raises(ValueError, match=r"no labels|read|magic|header|EOF|array"):
            read_objects(io.BytesIO(whole[:cut]))


def test_npz_files_may_have_them_as_labels_and_names_only(tmp_path: Path) -> None:
    words = np.array(["x", "y", "x", "z"], object)
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=words)
    assert load(f"npz:{tmp_path}/a.npz").classes == ("x", "y", "z")
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=np.array([0, 1, 0, 1]), class_names=np.array(["p", "q"], object))
    assert load(f"npz:{tmp_path}/b.npz").classes == ("p", "q")
    np.savez(tmp_path / "c.npz", images=IMAGES.astype(object), labels=words)
    with pytest.raises(InvalidDataError, match="Python objects"):
        load(f"npz:{tmp_path}/c.npz")
