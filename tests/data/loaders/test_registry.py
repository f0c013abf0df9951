"""Specifications: what they name, and what a misspelt one is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders import base, registry
from geosearch.data.loaders.registry import complete_spec, find_loader, list_datasets, load
from geosearch.errors import InvalidOptionError, UnknownDatasetError


def test_built_in_names_load_under_their_own_name() -> None:
    for spec in ("digits", "fonts/computer-modern-greek"):
        assert load(spec).name == spec
        assert not find_loader(spec).has_test


def test_glyphs_are_drawn_at_the_size_hinted() -> None:
    assert load("fonts/sans-digits", size_hint=10).shape == (10, 10, 1)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("digit", "'digits'"),
        ("fonts/serif-uper", "'fonts/serif-upper'"),
        ("fonts/sans", "fonts/sans"),
        ("torchvision:mnist", "'torchvision:MNIST'"),
        ("torchvision:FashonMNIST", "'torchvision:FashionMNIST'"),
        ("MNIST", "'torchvision:MNIST'"),
        ("things/mine.npz", "'npz:things/mine.npz'"),
        ("xyzzy", "geosearch domains"),
        ("npz:", "expected digits"),
        ("", "expected digits"),
    ],
)
def test_an_unknown_name_is_told_the_nearest_known_one(spec: str, hint: str) -> None:
    with pytest.raises(UnknownDatasetError, match=hint):
        load(spec)


def test_a_missing_file_is_told_its_neighbour(tmp_path: Path) -> None:
    np.savez(tmp_path / "letters.npz", images=np.zeros((2, 4, 4), np.uint8), labels=np.array([0, 1]))
    with pytest.raises(UnknownDatasetError, match=r"did you mean '.*letters\.npz'"):
        load(f"npz:{tmp_path / 'leters.npz'}")
    with pytest.raises(UnknownDatasetError, match="is not a folder"):
        load(f"imagefolder:{tmp_path / 'letters.npz'}")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("猫.npz", "猫"), ("КОШКИ 2.npz", "кошки-2"), ("हिन्दी.npz", "हिन्दी"), ("cafe\u0301.npz", "café"),
        ("🐱.npz", "🐱"),
        ("a\u202eb.npz", "a-b"), ("My Set (1).npz", "my-set-1"), ("---.npz", "npz"), ("قطة.v2.npz", "قطة.v2"),
    ],
)  # fmt: skip
def test_names_keep_the_letters_of_every_script(tmp_path: Path, file: str, name: str) -> None:
    np.savez(tmp_path / file, images=np.arange(32, dtype=np.uint8).reshape(2, 4, 4) * 8, labels=np.array([0, 1]))
    assert load(f"npz:{tmp_path / file}").name == name


def test_a_folder_given_bare_is_told_its_prefix(tmp_path: Path) -> None:
    with pytest.raises(UnknownDatasetError, match="imagefolder:"):
        load(str(tmp_path))


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)
    with pytest.raises(UnknownDatasetError, match="NO_SUCH_FOLDER is not set"):
        load("npz:${NO_SUCH_FOLDER}/mnist.npz")


def test_a_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownDatasetError, match="no test part"):
        load("digits", part="test")
    with pytest.raises(InvalidOptionError, match="'train' or 'test'"):
        load("digits", part="validation")  # type: ignore[arg-type]


def test_the_list_tells_the_truth_about_its_sets(tmp_path: Path) -> None:
    listed = {info.spec: info for info in list_datasets(root=tmp_path)}
    assert listed.keys() >= {"digits", "fonts/sans-greek", "torchvision:MNIST"}
    for spec in ("digits", "fonts/mono-symbols"):
        data, info = load(spec), listed[spec]
        assert (len(data), len(data.classes), data.license) == (info.images, info.classes, info.license)
        assert data.shape == (info.size, info.size, info.channels)
        assert not info.needs_download
    assert listed["torchvision:CIFAR100"].needs_download
    assert asdict(listed["torchvision:MNIST"])["test_images"] == 10_000


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from geosearch.data.loaders.registry import list_datasets; list_datasets(); "
        "print([m for m in ('torch', 'torchvision', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_new_kind_of_source_is_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered in any module, it is loaded, listed, suggested and named in messages."""
    monkeypatch.setattr(base, "LOADERS", registered := dict(base.LOADERS))
    monkeypatch.setattr(registry, "LOADERS", registered)

    @base.register_loader
    @dataclass(frozen=True)
    class Stripes(base.Loader):
        form = "stripes/NUMBER"

        @classmethod
        def parse(cls, spec: str, options: base.LoadOptions) -> Stripes | None:
            return cls(spec, options) if spec.startswith("stripes/") else None

        @classmethod
        def named(cls, options: base.LoadOptions) -> list[base.DatasetInfo]:
            return [base.DatasetInfo("stripes/7", 2, 4, 0, 6, 1, "CC0", False)]

        def _read(self, part: str) -> LabelledSet:
            images = np.arange(4 * 36, dtype=np.uint8).reshape(4, 6, 6)
            return LabelledSet.from_arrays(images, np.array([0, 1, 0, 1]), name=self.spec, license="CC0")

    assert load("stripes/3").name == "stripes/3"
    assert load_collection("digits", ["stripes/3"], size=8, channels=1, samples=4).sources[0].license == "CC0"
    assert "stripes/7" in [info.spec for info in list_datasets()]
    with pytest.raises(UnknownDatasetError, match=r"expected .*stripes/NUMBER.*did you mean 'stripes/7'\?"):
        load("stripe/7")


def test_real_files_load(real_data: Path) -> None:
    for name, classes in (("mnist", 10), ("az_letters", 26)):
        train, test = (load(f"npz:{real_data / name}.npz", part=part) for part in ("train", "test"))
        assert len(train.classes) == len(test.classes) == classes
        assert train.shape == test.shape == (28, 28, 1)


def test_a_plain_path_means_the_set_that_it_holds(tmp_path: Path) -> None:
    assert complete_spec(str(tmp_path)) == f"imagefolder:{tmp_path}"
    assert complete_spec("sets/mine.npz") == "npz:sets/mine.npz"
    for spec in ("digits", f"npz:{tmp_path}", "nothing of the kind"):
        assert complete_spec(spec) == spec
