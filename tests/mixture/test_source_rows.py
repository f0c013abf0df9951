"""Which images a mixture is made of: the same rows that its samples are drawn from."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

import geosearch
from geosearch.data.dataset import LabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.source_rows import Pictures, SourceRow, SourceRows, find_rows, write_rows
from geosearch.mixture.weights import Weights
from geosearch.runtime.cache import Cache


def _mixture(cache: Cache, concentration: float) -> tuple[Mixture, list[LabelledSet]]:
    digits = geosearch.load("digits")
    target, one, other = (digits.take(np.arange(i, i + 60)) for i in (0, 60, 120))
    one, other = replace(one, name="one"), replace(other, name="other")
    anchors = build_anchors(target, [one, other], PixelEncoder(), cache=cache)
    return Mixture(anchors, Weights.of([0.3, 0.7], concentration=concentration)), [one, other]


def test_samples_of_whole_images_are_the_images_of_their_rows(cache: Cache) -> None:
    mixture, sources = _mixture(cache, 0.0)
    images, _ = mixture.draw(50, np.random.default_rng(0))
    rows = SourceRows(mixture, sources).draw(50, np.random.default_rng(0))
    assert [row.sample for row in rows] == list(range(50))
    assert {row.weight for row in rows} == {1.0}
    for row in rows:
        source = sources[mixture.names.index(row.source)]
        number = int(row.image) if source.row_names is None else list(map(str, source.row_names)).index(row.image)
        np.testing.assert_allclose(images[row.sample, 0], source.images[number, :, :, 0] / 255, atol=1e-6)
        assert row.label == source.classes[source.labels[number]]


def test_reference_images_are_drawn_with_replacement_and_described_as_that(cache: Cache) -> None:
    mixture, sources = _mixture(cache, 0.0)
    rows = SourceRows(mixture, sources)
    assert len({(row.source, row.image) for row in rows.draw(60, np.random.default_rng(0))}) < 50
    assert rows.describe(60) == (
        "60 samples, each by way of a reference image of the target, drawn with replacement from 60"
    )
    paired = replace(mixture, weights=replace(mixture.weights, pairing="random"))
    assert rows.describe(5) != SourceRows(paired, sources).describe(5)


def test_weights_of_mixed_samples_add_up(cache: Cache) -> None:
    mixture, sources = _mixture(cache, 2.0)
    rows = SourceRows(mixture, sources).draw(20, np.random.default_rng(0))
    for sample in range(20):
        np.testing.assert_allclose(sum(row.weight for row in rows if row.sample == sample), 1, atol=1e-6)


def test_means_of_images_are_found_by_the_nearest_and_views_by_their_image() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3)).astype(np.uint8)
    near = np.clip(images[[7, 3]].astype(int) + 1, 0, 255).astype(np.uint8)
    assert find_rows(images, near).tolist() == [7, 3]
    pictures = Pictures({"a": images}, {"a": images[:15] // 2})  # two views of 15 images
    np.testing.assert_array_equal(pictures.show("a", images[[2, 17]]), images[[2, 2]] // 2)


def test_rows_are_written_as_a_table(cache: Cache, tmp_path: Path) -> None:
    mixture, sources = _mixture(cache, 0.0)
    rows = SourceRows(mixture, sources).draw(5, np.random.default_rng(0))
    write_rows(tmp_path / "rows.csv", rows)
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["sample"] for row in table] == list("01234")
    assert list(table[0]) == ["sample", "source", "image", "label", "weight"]


def test_names_that_are_not_valid_unicode_are_written_with_question_marks(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", [SourceRow(0, "one", "caf\udce9 0.png", "a", 1.0)])
    (row,) = csv.DictReader((tmp_path / "rows.csv").open(newline="", encoding="utf-8"))
    assert row["image"] == "caf? 0.png"
