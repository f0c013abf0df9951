"""The cut of a target: disjoint, seeded, nested, and blind to labels that it must not see."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import geosearch
from geosearch.data.collection import load_collection
from geosearch.data.dataset import LabelledSet
from geosearch.data.target import Target, cut_target
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.errors import DomainMismatchError, InvalidOptionError
from geosearch.pseudo_labels.nearest import NearestShot, nearest_rows


def numbered(n: int, classes: int, *, seed: int = 0, first: int = 0) -> LabelledSet:
    """Every image spells its own row number, so that rows can be recognized after the cut."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    images = np.zeros((n, 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(first, first + n), 256)
    images[:, 2:, 2:, 0] = (labels * 200 // classes)[:, None, None]
    return LabelledSet.from_arrays(images, labels, name="numbered")


def numbers(images: np.ndarray) -> list[int]:
    return (images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]).tolist()


def cut(train: LabelledSet, test: LabelledSet | None = None, **options: object) -> Target:
    chosen = {
        "shots": 3,
        "reference": 40,
        "held_out": 20,
        "fit_labels": partial(NearestShot().fit, encoder=PixelEncoder()),
        "seed": 0,
        **options,
    }
    return cut_target(train, test, **chosen)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(
    classes=st.integers(2, 5),
    shots=st.integers(1, 3),
    reference=st.integers(1, 60),
    held_out=st.integers(1, 30),
    own_test=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_parts_are_disjoint_and_have_the_sizes_asked_for(
    classes: int, shots: int, reference: int, held_out: int, own_test: bool, seed: int
) -> None:
    train = numbered(200, classes)
    test = numbered(50, classes, first=1000) if own_test else None
    target = cut(train, test, shots=shots, reference=reference, held_out=held_out, test_size=30, seed=seed)
    parts = {
        "shots": numbers(target.shots.images),
        "reference": numbers(target.reference.images),
        "held_out": numbers(target.held_out.images),
        "test": numbers(target.test_images),
    }
    everything = [number for part in parts.values() for number in part]
    assert len(set(everything)) == len(everything)
    assert {name: len(part) for name, part in parts.items()} == {
        "shots": shots * classes,
        "reference": reference,
        "held_out": held_out,
        "test": 30,
    }
    offset = 1000 if own_test else 0
    for name, part in parts.items():
        assert part == [row + (offset if name == "test" else 0) for row in target.rows[name]]
    assert target.test_from_train is not own_test


def test_shots_are_labelled_truly_and_evenly() -> None:
    train = numbered(100, 4)
    target = cut(train, shots=5, held_out=10, reference=10)
    assert target.shots.labels.tolist() == np.repeat(np.arange(4), 5).tolist()
    assert (target.shots.labels == train.labels[target.rows["shots"]]).all()


def test_the_seed_fixes_the_cut_and_another_seed_changes_it() -> None:
    train = numbered(200, 3)
    assert cut(train, seed=1).key == cut(train, seed=1).key
    assert cut(train, seed=1).key != cut(train, seed=2).key


def test_the_cut_is_nested() -> None:
    train, test = numbered(300, 3), numbered(60, 3, first=1000)
    small, large = cut(train, test, reference=40), cut(train, test, reference=80)
    assert set(small.rows["reference"]) < set(large.rows["reference"])
    assert small.rows["held_out"].tolist() == large.rows["held_out"].tolist()
    few, more = cut(train, test, shots=2), cut(train, test, shots=5)
    assert set(few.rows["shots"]) < set(more.rows["shots"])


def test_pseudo_labels_are_those_of_the_nearest_shot() -> None:
    train = numbered(200, 4)
    target = cut(train)
    shots = target.shots.images.reshape(12, -1).astype(float) / 255
    for part in (target.reference, target.held_out):
        images = part.images.reshape(len(part), -1).astype(float) / 255
        brute = ((images[:, None] - shots[None]) ** 2).sum(-1).argmin(1)
        assert (part.labels == target.shots.labels[brute]).all()
        assert part.classes == train.classes


def test_unlabelled_parts_do_not_depend_on_the_true_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: shuffle every label that is not a shot's, and nothing but the sealed labels changes."""
    train = numbered(300, 3)
    first = cut(train)
    others = np.setdiff1d(np.arange(300), first.rows["shots"])
    labels = train.labels.copy()
    labels[others] = np.random.default_rng(0).permutation(labels[others])
    monkeypatch.setattr("geosearch.data.target.draw_shots", lambda *arguments: first.rows["shots"])
    again = cut(LabelledSet.from_arrays(train.images, labels, name=train.name))
    for part in ("shots", "reference", "held_out"):
        assert getattr(first, part).fingerprint == getattr(again, part).fingerprint
    assert (first.test_images == again.test_images).all()
    assert (first.test_labels.reveal() != again.test_labels.reveal()).any()


def test_nearest_agrees_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    codes, shots = rng.normal(size=(50, 7)).astype(np.float32), rng.normal(size=(9, 7)).astype(np.float32)
    whole = nearest_rows(codes, shots)
    monkeypatch.setattr("geosearch.pseudo_labels.nearest._CHUNK", 7)
    assert (nearest_rows(codes, shots) == whole).all()


def test_a_test_part_that_lacks_a_class_is_accepted() -> None:
    train = numbered(100, 3)
    test = numbered(30, 3, first=1000)
    test = test.take(np.flatnonzero(test.labels < 2))
    target = cut(train, test, reference=20)
    assert set(target.test_labels.reveal()) == {0, 1}
    assert target.classes == train.classes


def test_without_a_reference_size_everything_left_is_the_reference() -> None:
    target = cut(numbered(200, 2), reference=None, held_out=20)
    assert len(target.reference) == 200 - 6 - 20 - 40  # shots, held-out, a fifth for the test


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shots": 90}, DomainMismatchError, "fewer than 90 shots"),
        ({"reference": 190}, DomainMismatchError, "56 too many"),
        ({"held_out": 190}, DomainMismatchError, "too many"),
        ({"test_size": 190}, DomainMismatchError, "too many"),
        ({"shots": 0}, InvalidOptionError, "at least 1"),
        ({"test_size": 0}, InvalidOptionError, "at least 1"),
    ],
)
def test_too_few_images_are_refused_with_numbers(options: dict[str, int], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cut(numbered(200, 2) if options.get("shots") != 90 else numbered(100, 2), **options)


def test_parts_of_different_sets_do_not_meet() -> None:
    with pytest.raises(DomainMismatchError, match="share one list"):
        cut(numbered(100, 3), numbered(50, 4))
    larger = LabelledSet.from_arrays(np.zeros((9, 6, 6), np.uint8), np.arange(9) % 3, name="larger")
    with pytest.raises(DomainMismatchError, match="harmonize both"):
        cut(numbered(100, 3), larger)


def test_sealed_labels_do_not_show_themselves() -> None:
    target = cut(numbered(200, 2))
    assert len(target.test_labels) == 40
    assert "[" not in repr(target.test_labels)
    assert "array" not in repr(target.test_labels)


def test_only_the_confirmation_opens_the_seal() -> None:
    """Law: `.reveal` is called in confirmation/confirm.py and nowhere else; `._labels` stays in target.py."""
    package = Path(geosearch.__file__).parent
    users: dict[str, set[str]] = {"reveal": set(), "_labels": set()}
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in users:
                users[node.attr].add(file.relative_to(package).as_posix())
            if isinstance(node, ast.Constant) and node.value in users and file.name != "target.py":
                pytest.fail(f"{file} spells '{node.value}' in a string")
    assert users["reveal"] <= {"confirmation/confirm.py"}
    assert users["_labels"] <= {"data/target.py"}


@pytest.mark.parametrize("own_test", [True, False])
def test_the_surplus_follows_the_reference_and_meets_no_other_part(own_test: bool) -> None:
    """What `synthesize --size` may draw on: never a shot, a held-out image or a test image."""
    train = numbered(200, 4)
    target = cut(train, numbered(50, 4, first=1000) if own_test else None, shots=3, reference=40, held_out=20)
    more = target.with_surplus(train, 10_000)
    n = len(target.reference)
    np.testing.assert_array_equal(more.images[:n], target.reference.images)
    np.testing.assert_array_equal(more.labels[:n], target.reference.labels)
    others = [
        number for part in (target.shots.images, target.held_out.images, target.test_images) for number in numbers(part)
    ]
    assert len(more) > n
    assert len(set(numbers(more.images))) == len(more)
    assert not set(numbers(more.images)) & set(others)
    assert len(target.with_surplus(train, 10)) == 10
    without = replace(target, rows={**target.rows, "surplus": target.rows["surplus"][:0]}, labeller=None)
    assert len(without.with_surplus(train, 10_000)) == n


@pytest.mark.parametrize("own_test", [True, False])
def test_the_held_out_images_come_last_among_those_without_labels(own_test: bool) -> None:
    """A head may learn from them, unlike a map; never from a shot or a test image, and the order is nested."""
    train = numbered(200, 4)
    target = cut(train, numbered(50, 4, first=1000) if own_test else None, shots=3, reference=40, held_out=20)
    every = target.unlabelled(train, 10_000).images
    mapped = target.with_surplus(train, 10_000).images
    np.testing.assert_array_equal(every[: len(mapped)], mapped)
    np.testing.assert_array_equal(every[len(mapped) :], target.held_out.images)
    assert len(set(numbers(every))) == len(every)
    assert not set(numbers(every)) & {*numbers(target.shots.images), *numbers(target.test_images)}
    for count in (41, len(mapped), len(mapped) + 7):
        np.testing.assert_array_equal(target.unlabelled(train, count).images, every[:count])
    np.testing.assert_array_equal(target.unlabelled(train, 10).images, target.reference.images)


def test_too_few_images_because_of_copies_is_said(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((3, 8, 8))[np.arange(30) % 3] > 0.5
    np.savez(tmp_path / "bool.npz", images=images, labels=np.arange(30) % 3)
    sources = ("fonts/sans-digits", "fonts/mono-upper")
    train = load_collection(f"npz:{tmp_path / 'bool.npz'}", sources, size=8, channels=1, samples=50).train
    with pytest.raises(
        DomainMismatchError, match=r"has 1 images, fewer than 2 shots \(left out: 27 copies of others\)"
    ):
        cut(train, shots=2)
