"""Names that cannot escape, archives that never lie wholly in memory, sets that other programs read."""

from __future__ import annotations

import tracemalloc
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geosearch.data.loaders.registry import load
from geosearch.data.writers.file_name import safe_name
from geosearch.data.writers.npz import NpzWriter
from geosearch.data.writers.write import write_mixture
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.runtime.atomic import atomic_dir

HOSTILE = (
    "fonts/sans/a",
    "fonts-sans-a",
    "FONTS/SANS/A",
    "../../etc/passwd",
    "..",
    "",
    'α β,"γ"\n<script>',
    "x" * 300,
    "C:\\Windows\\con",
    "=cmd()|' /C calc'!A0",
    "dot.",
)


@dataclass(frozen=True)
class Stream:
    """Random images; rows walk through the classes one after the other."""

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int] = (4, 4, 1)

    def batches(self, size, rng):
        h, w, ch = self.image_shape
        c = len(self.class_names)
        while True:
            labels = np.eye(c, dtype=np.float32)[np.arange(size) % c]
            yield rng.random((size, ch, h, w), dtype=np.float32), labels * 0.9 + 0.1 / c


def test_hostile_class_names_give_one_folder_each_inside_the_output(tmp_path):
    out = write_mixture(Stream(HOSTILE), size=3 * len(HOSTILE), out=tmp_path / "set", card="")
    folders = sorted(path for path in out.iterdir() if path.is_dir())
    assert len(folders) == len({path.name.casefold() for path in folders}) == len(HOSTILE)
    assert [len(list(folder.glob("*.png"))) for folder in folders] == [3] * len(HOSTILE)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert folders[3].name == "03_etc-passwd"
    assert folders[6].name == "06_α-β--γ---script"


@given(st.text(max_size=400))
def test_a_safe_name_is_one_plain_path_component(name):
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert safe not in ("", ".", "..")
    assert len(safe.encode()) <= 100
    assert safe_name(safe) == safe
    assert not set(safe) & set('/\\:*?"<>|\0\n')


def test_an_image_folder_is_read_by_torchvision_in_the_order_of_the_columns(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    names = tuple(f"usps/{i}" for i in range(12))
    folder = datasets.ImageFolder(write_mixture(Stream(names, (4, 4, 3)), size=36, out=tmp_path / "s", card=""))
    assert folder.classes == [f"{i:02d}_usps-{i}" for i in range(12)]
    assert [folder[i][1] for i in range(36)] == sorted(list(range(12)) * 3)


@dataclass(frozen=True)
class Gaps(Stream):
    """The first class of every pair never has the largest share."""

    def batches(self, size, rng):
        for images, soft in super().batches(size, rng):
            yield images, np.repeat(soft[:, ::2], 2, axis=1) * np.array([0.4, 0.6] * 3, dtype=np.float32)


MIXTURE = Gaps(("a/0", "a/1", "b/0", "b/1", "c/0", "c/1"), (6, 6, 1))


def test_an_archive_with_silent_classes_is_a_set_that_geosearch_loads(tmp_path):
    out = write_mixture(MIXTURE, size=50, out=tmp_path / "mixed", writer=NpzWriter(), card="")
    with np.load(out / "mixed.npz", allow_pickle=False) as data:
        assert sorted(data) == ["class_names", "images", "labels", "soft_class_names", "soft_labels"]
        assert tuple(data["soft_class_names"]) == MIXTURE.class_names
        assert data["soft_labels"].dtype == np.float32
        tops, images = data["soft_labels"].argmax(axis=1), data["images"]
    read = load(f"npz:{out / 'mixed.npz'}")
    assert read.classes == ("a/1", "b/1", "c/1")
    assert read.name == "mixed"
    np.testing.assert_array_equal(read.images, images)
    assert [read.classes[label] for label in read.labels] == [MIXTURE.class_names[top] for top in tops]


def test_an_image_folder_with_silent_classes_is_the_same_set(tmp_path):
    archive = write_mixture(MIXTURE, size=50, out=tmp_path / "mixed", writer=NpzWriter(), card="")
    folder = write_mixture(MIXTURE, size=50, out=tmp_path / "folder", card="")
    a, b = load(f"npz:{archive / 'mixed.npz'}"), load(f"imagefolder:{folder}")
    assert b.classes == ("1_a-1", "3_b-1", "5_c-1")
    order = np.argsort(a.labels, kind="stable")  # a folder lists its images class by class
    np.testing.assert_array_equal(a.images[order], b.images)
    np.testing.assert_array_equal(a.labels[order], b.labels)


def test_an_archive_is_streamed_not_gathered(tmp_path):
    peaks = []
    for size in (1024, 5120):  # 12 and 63 MB of pixels
        mixture, out = Stream(tuple("abcdefgh"), (64, 64, 3)), tmp_path / f"n{size}"
        tracemalloc.start()
        write_mixture(mixture, size=size, out=out, writer=NpzWriter(compression=0), card="")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        with zipfile.ZipFile(out / f"n{size}.npz") as archive:
            assert archive.testzip() is None
    assert peaks[1] - peaks[0] < 1e6  # top labels only


def test_sizes_below_one_are_refused(tmp_path):
    with pytest.raises(InvalidOptionError, match="at least 1 image, got 0"):
        write_mixture(Stream(("a", "b")), size=0, out=tmp_path / "set", card="")


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "set").write_text("mine")
    with pytest.raises(OutputExistsError), atomic_dir(tmp_path / "set"):
        pass
    assert (tmp_path / "set").read_text() == "mine"
