"""What every loader must do. A new loader joins EXAMPLES with a function that writes a small set of its kind."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs
from generators.torchvision_files import WRITERS
from PIL import Image

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.base import Loader
from geosearch.data.loaders.registry import find_loader, list_datasets, load, loader_classes, portable_id
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.errors import InvalidDataError, UnknownDatasetError

DATA = blobs("set", 3, 4, size=12)


@dataclass(frozen=True)
class Example:
    """A set of one kind: its specification, which parts and labels it has, and the same set without its files."""

    spec: str
    has_labels: bool = True
    has_test: bool = False
    missing: str = ""
    openings: int = 1  # of each file, for both parts
    root: Path | None = None

    def loader(self, spec: str = "") -> Loader:
        return find_loader(spec or self.spec, root=self.root, size_hint=12)


def digits(folder: Path) -> list[Example]:
    return [Example("digits")]


def fonts(folder: Path) -> list[Example]:
    return [Example("fonts/sans-digits")]


def npz(folder: Path) -> list[Example]:
    np.savez(folder / "one.npz", images=DATA.images, labels=DATA.labels)
    np.savez(folder / "bare.npz", images=DATA.images)
    parts = {f"{part}_{name}": getattr(DATA, name) for part in ("train", "test") for name in ("images", "labels")}
    np.savez(folder / "both.npz", **parts)
    missing = f"npz:{folder}/none.npz"
    return [
        Example(f"npz:{folder}/one.npz", missing=missing),
        Example(f"npz:{folder}/both.npz", has_test=True, missing=missing),
        Example(f"npz:{folder}/bare.npz", has_labels=False, missing=missing),
    ]


def image_folder(folder: Path) -> list[Example]:
    for row, (image, label) in enumerate(zip(DATA.images[..., 0], DATA.labels, strict=True)):
        for place in (f"one/class-{label}", f"both/train/class-{label}", f"both/test/class-{label}", "loose"):
            (folder / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / place / f"{row:02d}.png")
    missing = f"imagefolder:{folder}/none"
    return [
        Example(f"imagefolder:{folder}/one", missing=missing),
        Example(f"imagefolder:{folder}/both", has_test=True, missing=missing),
        Example(f"imagefolder:{folder}/loose", has_labels=False, missing=missing),
    ]


def labels_table(folder: Path) -> list[Example]:
    for row, image in enumerate(DATA.images[..., 0]):
        Image.fromarray(image).save(folder / f"{row:02d}.png")
    for name, split, label in (("one", "train", "x{}"), ("both", "{}", "x{}"), ("loose", "train", "")):
        lines = ["file,split,label"]
        for row, number in enumerate(DATA.labels):
            part = split.format("test" if row % 2 else "train")
            lines.append(f"{row:02d}.png,{part},{label.format(number)}")
        (folder / f"{name}.csv").write_text("\n".join(lines))
    missing = f"labels_table:{folder}/none.csv"
    return [
        Example(f"labels_table:{folder}/one.csv", missing=missing),
        Example(f"labels_table:{folder}/both.csv", has_test=True, missing=missing),
        Example(f"labels_table:{folder}/loose.csv", has_labels=False, missing=missing),
    ]


def torchvision(folder: Path) -> list[Example]:
    WRITERS["MNIST"](folder)
    # torchvision itself opens what it finds
    return [Example("torchvision:MNIST", has_test=True, missing="torchvision:KMNIST", openings=9, root=folder)]


EXAMPLES: dict[str, Callable[[Path], list[Example]]] = {
    "digits": digits,
    "fonts/FAMILY-CHARSET": fonts,
    "npz:PATH": npz,
    "imagefolder:PATH": image_folder,
    "labels_table:PATH": labels_table,
    "torchvision:NAME": torchvision,
}
FORMS = [loader.form for loader in loader_classes()]


@pytest.fixture(scope="module", params=FORMS)
def examples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    return EXAMPLES[request.param](tmp_path_factory.mktemp("loader"))


def test_a_loader_says_what_its_set_has_and_reads_that(examples: list[Example]) -> None:
    for example in examples:
        with example.loader() as loader:
            assert (loader.has_labels, loader.has_test) == (example.has_labels, example.has_test)
            train = loader.read()
            assert isinstance(train, LabelledSet if example.has_labels else UnlabelledSet)
            assert train.images.dtype == np.uint8
            assert len(train) == len(train.images)
            assert train.name
            assert train.license
            assert train.row_names is not None
            assert len(set(train.row_names)) == len(train)
            if example.has_test:
                test = loader.read_labelled("test")
                assert (test.classes, test.name, test.license) == (train.classes, train.name, train.license)
            else:
                with pytest.raises(UnknownDatasetError, match="no test part"):
                    loader.read("test")


def test_two_readings_give_the_same_set(examples: list[Example]) -> None:
    for example in examples:
        with example.loader() as loader:
            first = loader.read().fingerprint
            loader.close()  # it is opened again
            assert loader.read().fingerprint == first
        assert example.loader().read().fingerprint == first


def test_a_set_without_labels_is_refused_where_labels_are_needed(examples: list[Example]) -> None:
    for example in examples:
        if not example.has_labels:
            with pytest.raises(InvalidDataError, match="has no labels: ") as caught:
                load(example.spec, root=example.root)
            assert example.loader().labels_expected in str(caught.value)


def test_nothing_is_decoded_to_say_what_there_is(examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("decoded"))
    for example in examples:
        with example.loader() as loader:
            assert (loader.has_labels, loader.has_test) == (example.has_labels, example.has_test)


def test_every_file_is_opened_once(examples: list[Example]) -> None:
    for example in examples:
        with opened_files() as counts, example.loader() as loader:
            assert loader.has_labels == example.has_labels
            loader.read()
            if loader.has_test:
                loader.read("test")
        assert max(counts.values(), default=0) <= example.openings, counts
        assert bool(counts) == bool(example.missing)  # the count sees what is opened


def test_nothing_stays_open(examples: list[Example]) -> None:
    for example in examples:
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        with example.loader() as loader:
            loader.read()
        assert len(os.listdir("/proc/self/fd")) <= before


def test_parsing_looks_at_no_file_and_other_loaders_know_nothing_of_it(examples: list[Example]) -> None:
    for example in examples:
        for spec in filter(None, (example.spec, example.missing)):
            with opened_files() as counts:
                loader = example.loader(spec)
            assert not counts
            assert loader.spec == spec
            assert [kind for kind in loader_classes() if kind.parse(spec, loader.options)] == [type(loader)]


def test_a_portable_id_is_a_specification_of_the_same_kind_without_folders(examples: list[Example]) -> None:
    for example in examples:
        short = portable_id(example.spec)
        assert short == portable_id(short) == example.loader().portable_id
        assert type(example.loader(short)) is type(example.loader())
        if example.root is None and "/" in example.spec and example.missing:
            assert "/" not in short


def test_what_is_missing_is_an_unknown_set(examples: list[Example]) -> None:
    for example in examples:
        if example.missing:
            with pytest.raises(UnknownDatasetError):
                example.loader(example.missing).read()


def test_named_sets_are_of_this_kind_and_described_truly(examples: list[Example]) -> None:
    kind, root = type(examples[0].loader()), examples[0].root
    for info in kind.named(examples[0].loader().options):
        loader = find_loader(info.spec, root=root)
        assert type(loader) is kind
        assert loader.has_test == bool(info.test_images)
        assert info in list_datasets(root=root)


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_specification_is_told_every_form(form: str) -> None:
    with pytest.raises(UnknownDatasetError) as caught:
        load("no such set")
    assert form in str(caught.value)


@contextmanager
def opened_files() -> Iterator[Counter[str]]:
    """How often each file of a data set is opened for reading within the block."""
    counts: Counter[str] = Counter()
    _watched.append(counts)
    try:
        yield counts
    finally:
        _watched.remove(counts)


_watched: list[Counter[str]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if (
        event == "open"
        and _watched
        and "loader" in str(arguments[0])
        and not str(arguments[0]).endswith((".py", ".pyc"))
    ):
        for counts in _watched:
            counts[str(arguments[0])] += 1


sys.addaudithook(_audit)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda images: images, ""),
        (lambda images: images // 16, "only the grey levels 0..15"),
        (lambda images: np.concatenate([images // 16, images[:1]]), "a typical image uses only 16 of 256"),
        (lambda images: np.concatenate([images, images[:2, :1, :1] + np.zeros_like(images[:2])]), "2 of 22 images"),
    ],
)
def test_images_without_contrast_are_noted(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8)).astype(np.uint8)
    images[:, 0, :2] = (0, 255)
    images[0, 0, 0], images[1, 0, 0] = 9, 4
    made = change(images)
    np.savez(tmp_path / "a.npz", images=made, labels=np.arange(len(made)) % 2)
    report = load(f"npz:{tmp_path / 'a.npz'}").report
    assert report is not None
    assert len(report.notes) == bool(said)
    assert all(said in note for note in report.notes)
