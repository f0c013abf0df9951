"""What every writer of synthesized data must do. A new writer joins WRITERS, with a reader beside it."""

from __future__ import annotations

import csv
import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geosearch.data.writers.base import Writer
from geosearch.data.writers.image_folder import ImageFolderWriter
from geosearch.data.writers.npz import NpzWriter
from geosearch.data.writers.registry import find_writer, writer_names
from geosearch.data.writers.write import _rows, write_mixture
from geosearch.errors import InvalidOptionError, OutputExistsError, StorageError

NAMES = ("usps/0", "usps/1", "greek/α", "greek/β", "svhn/../7")
SILENT = (1, 3)


@dataclass(frozen=True)
class Stream:
    """Soft-labelled noise in which the classes SILENT never get the largest share."""

    image_shape: tuple[int, int, int] = (6, 5, 1)
    breaks_at: int | None = None  # batch number
    error: BaseException | None = None
    class_names: tuple[str, ...] = NAMES

    def batches(self, size, rng):
        h, w, ch = self.image_shape
        number = 0
        while number != self.breaks_at:
            soft = rng.dirichlet(np.full(len(NAMES), 0.5), size=size).astype(np.float32)
            soft[:, SILENT] *= 1e-3
            yield rng.random((size, ch, h, w), dtype=np.float32), soft / soft.sum(axis=1, keepdims=True)
            number += 1
        raise self.error or AssertionError


@dataclass(frozen=True)
class Written:
    """A data set read back: rows in the order of the stream."""

    images: np.ndarray  # uint8 (n, h, w, ch)
    soft: np.ndarray  # (n, C)
    columns: tuple[str, ...]  # C
    tops: list[str]  # (n,) what names the label of each row


def read_image_folder(folder: Path) -> Written:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    pictures = [np.asarray(Image.open(folder / row[0])) for row in rows]
    images = np.stack([picture if picture.ndim == 3 else picture[..., None] for picture in pictures])
    soft = np.array([[float(value) for value in row[1:]] for row in rows])
    columns = [int(Path(row[0]).parent.name.split("_")[0]) for row in rows]
    return Written(images, soft, tuple(head[1:]), [head[1 + column] for column in columns])


def read_npz(folder: Path) -> Written:
    with np.load(folder / f"{folder.name}.npz", allow_pickle=False) as data:
        names = [str(data["class_names"][label]) for label in data["labels"]]
        return Written(data["images"], data["soft_labels"], tuple(map(str, data["soft_class_names"])), names)


WRITERS: list[tuple[Writer, Callable[[Path], Written]]] = [
    (ImageFolderWriter(), read_image_folder),
    (NpzWriter(), read_npz),
    (NpzWriter(compression=0), read_npz),
]
every_writer = pytest.mark.parametrize(
    ("writer", "read"), WRITERS, ids=lambda value: getattr(value, "__name__", str(value)[:30])
)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@every_writer
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_read_back_is_what_the_stream_gave(writer, read, channels, tmp_path):
    mixture = Stream((6, 5, channels))
    out = write_mixture(mixture, size=600, out=tmp_path / "set", writer=writer, seed=4, card="# a card")
    images, soft = zip(*_rows(mixture, 600, 4), strict=True)  # three batches, the last one cut: 256 + 256 + 88
    assert [len(batch) for batch in images] == [256, 256, 88]
    back = read(out)
    np.testing.assert_array_equal(back.images, np.concatenate(images))
    np.testing.assert_allclose(back.soft, np.concatenate(soft), rtol=1e-6)
    assert back.columns == NAMES
    assert (out / "CARD.md").read_text() == "# a card"


@every_writer
def test_the_label_names_the_largest_share_and_silent_classes_have_no_label(writer, read, tmp_path):
    back = read(write_mixture(Stream(), size=300, out=tmp_path / "set", writer=writer, card=""))
    assert back.tops == [NAMES[top] for top in back.soft.argmax(axis=1)]
    assert set(back.tops) == {name for i, name in enumerate(NAMES) if i not in SILENT}


@every_writer
def test_same_seed_same_bytes_other_seed_other_images(writer, read, tmp_path):
    first, again, other = (
        write_mixture(Stream(), size=40, out=tmp_path / str(run) / "set", writer=writer, seed=seed, card="c")
        for run, seed in enumerate((1, 1, 2))
    )
    assert contents(first) == contents(again)
    assert (read(first).images != read(other).images).any()


@every_writer
def test_a_smaller_export_is_the_beginning_of_a_larger_one(writer, read, tmp_path):
    small, large = (
        read(write_mixture(Stream(), size=size, out=tmp_path / f"n{size}", writer=writer, card=""))
        for size in (270, 520)
    )
    np.testing.assert_array_equal(small.images, large.images[:270])
    np.testing.assert_array_equal(small.soft, large.soft[:270])


@every_writer
@pytest.mark.parametrize("error", [ValueError("NaN"), KeyboardInterrupt(), OSError(errno.EIO, "bad sector")])
def test_a_stream_that_breaks_leaves_nothing(writer, read, error, tmp_path):
    expected = StorageError if isinstance(error, OSError) else type(error)
    mixture = Stream(breaks_at=2, error=error)
    with pytest.raises(expected):
        write_mixture(mixture, size=2000, out=tmp_path / "new" / "deep" / "set", writer=writer, card="")
    assert list(tmp_path.iterdir()) == []


@every_writer
def test_a_full_disk_leaves_nothing_and_says_what_to_do(writer, read, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)  # the card comes last: all else is on disk by then
    with pytest.raises(StorageError, match=r"No space left on device.*free some space"):
        write_mixture(Stream(), size=300, out=tmp_path / "set", writer=writer, card="")
    assert list(tmp_path.iterdir()) == []


@every_writer
def test_an_output_that_exists_is_refused_untouched_and_an_empty_folder_is_taken(writer, read, tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    (out / "mine.txt").write_text("keep me")
    with pytest.raises(OutputExistsError, match="not an empty folder"):
        write_mixture(Stream(), size=3, out=out, writer=writer, card="")
    assert contents(out) == {"mine.txt": b"keep me"}
    (out / "mine.txt").unlink()
    assert len(read(write_mixture(Stream(), size=3, out=out, writer=writer, card="")).soft) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@every_writer
def test_a_writer_has_a_name_and_says_in_one_sentence_what_lies_where(writer, read):
    assert writer.name.isalpha()
    assert type(find_writer(writer.name)) is type(writer)
    assert len(writer.layout) > 40
    assert writer.layout.endswith(".")


def test_every_registered_format_is_tested_here_and_others_are_refused():
    assert {writer.name for writer, _ in WRITERS} == {*writer_names()}
    with pytest.raises(InvalidOptionError, match="no format 'tar'; expected imagefolder or npz"):
        find_writer("tar")
