"""Sets without labels: what is read as one, what is refused, and how a study labels it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs
from PIL import Image

from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.registry import find_loader, load, load_unlabelled
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import DomainMismatchError, InvalidDataError
from geosearch.runtime.cache import Cache

IMAGES = blobs("any", 3, 10, size=12).images


def folder(path: Path, images: np.ndarray = IMAGES) -> str:
    """Loose images, row by row."""
    path.mkdir(parents=True)
    for row, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(path / f"{row:03d}.png")
    return f"imagefolder:{path}"


def npz(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


@dataclass(frozen=True)
class Alternating:
    """Labels in turn; remembers nothing, looks at nothing."""

    how: str = "in turn"
    labels: int = 2

    def label(self, data: UnlabelledSet, known: Sequence[LabelledSet], *, seed: int, cache: Cache) -> LabelledSet:
        return data.with_labels(np.arange(len(data)) % 2, f"in turn beside {[one.name for one in known]}")


def test_a_folder_of_loose_images_and_an_npz_file_of_images_have_no_labels(tmp_path: Path) -> None:
    loose = folder(tmp_path / "Loose Ones")
    bare = npz(tmp_path / "bare.npz", train_images=IMAGES[..., 0], licence=np.array("CC0"))
    for spec, name, license in ((loose, "loose-ones", "unknown"), (bare, "bare", "CC0")):
        assert not find_loader(spec).has_labels
        data = load_unlabelled(spec)
        assert (data.images == IMAGES).all()
        assert (data.name, data.license) == (name, license)


def test_what_has_labels_is_not_taken_for_a_set_without(tmp_path: Path) -> None:
    """Also where the labels are wrong: that is for `load` to say, not to be papered over by pseudo-labels."""
    spec = folder(tmp_path / "pets")
    (tmp_path / "pets" / "cat").mkdir()
    assert not find_loader(spec).has_labels  # an empty sub-folder is no class
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "pets" / "cat" / "0.png")
    assert find_loader(spec).has_labels
    assert find_loader(npz(tmp_path / "mixed.npz", train_images=IMAGES, labels=np.zeros(30, int))).has_labels
    assert find_loader(npz(tmp_path / "none.npz", numbers=np.zeros(3))).has_labels
    assert find_loader("digits").has_labels


def test_labels_can_be_put_aside() -> None:
    data = load_unlabelled("digits")
    assert (data.images == load("digits").images).all()
    assert not hasattr(data, "labels")


@pytest.mark.parametrize("place", ["2024", "."])
def test_labels_that_are_put_aside_need_not_be_right(tmp_path: Path, place: str) -> None:
    """A lone sub-folder is no class, and a table of other images gives none; damaged files stay an error."""
    folder(tmp_path / "one" / place)
    spec = f"imagefolder:{tmp_path / 'one'}"
    if place == ".":
        (tmp_path / "one" / "labels.csv").write_text("file,label\nsomething.png,cat\nelse.png,dog\n")
    with pytest.raises(InvalidDataError):
        load(spec)
    data = load_unlabelled(spec)
    assert (data.images == IMAGES).all()
    assert data.row_names is not None
    assert all((tmp_path / "one" / name).is_file() for name in data.row_names)
    for name in data.row_names:
        (tmp_path / "one" / name).write_bytes(b"no image")
    with pytest.raises(InvalidDataError, match="damaged"):
        load_unlabelled(spec)


@pytest.mark.parametrize("kind", ["imagefolder", "npz"])
def test_where_labels_are_needed_the_message_names_the_key(tmp_path: Path, kind: str) -> None:
    spec = folder(tmp_path / "loose") if kind == "imagefolder" else npz(tmp_path / "a.npz", images=IMAGES)
    with pytest.raises(InvalidDataError, match=r"has no labels.*domain\.pseudo_labeller"):
        load(spec)
    with pytest.raises(InvalidDataError, match=r"has no labels.*domain\.pseudo_labeller"):
        load_collection("digits", ["fonts/sans-digits", spec], size=12, channels=1, samples=30)


def test_sources_without_labels_are_labelled_from_those_with_labels(tmp_path: Path) -> None:
    spec = folder(tmp_path / "loose")
    sources = (spec, "fonts/sans-digits")
    collection = load_collection("digits", sources, size=8, channels=1, samples=20, labelling=Alternating())
    ours, fonts = collection.sources
    assert ours.shape == fonts.shape == (8, 8, 1)
    assert len(ours) == 20
    assert ours.labelled_by == "in turn beside ['fonts/sans-digits']"
    assert fonts.labelled_by == ""
    again = load_collection("digits", sources, size=8, channels=1, samples=20, labelling=Alternating())
    assert again.sources[0].fingerprint == ours.fingerprint


def test_the_target_without_its_labels_is_no_source(tmp_path: Path) -> None:
    digits = load("digits")
    spec = npz(tmp_path / "same.npz", images=digits.images)
    with pytest.raises(DomainMismatchError, match="is the target"):
        load_collection("digits", [spec, "fonts/sans-digits"], size=8, channels=1, samples=20, labelling=Alternating())


def test_pseudo_labels_are_numbered_without_gaps_and_say_where_they_come_from() -> None:
    bare = UnlabelledSet.from_images(IMAGES, name="bare", license="CC0")
    data = bare.with_labels(np.where(np.arange(30) < 10, 7, 3), "by hand")
    assert data.labels.tolist() == [1] * 10 + [0] * 20
    assert data.classes == ("pseudo-0", "pseudo-1")
    assert (data.labelled_by, data.license) == ("by hand", "CC0")
    with pytest.raises(InvalidDataError, match="the same pseudo-label"):
        bare.with_labels(np.zeros(30, int), "by hand")
    with pytest.raises(InvalidDataError, match="NaN"):
        UnlabelledSet.from_images(np.full((2, 4, 4), np.nan), name="bad")


def test_a_sample_is_of_distinct_images() -> None:
    bare = UnlabelledSet.from_images(np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8), name="x")
    drawn = bare.sample(12, np.random.default_rng(0))
    assert len({int(image[0, 0, 0]) for image in drawn.images}) == 12
    assert bare.sample(99, np.random.default_rng(0)) is bare
