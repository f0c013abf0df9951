"""Neighbours of the method: sources are polluted as they say, incomplete columns are left out, one command runs all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs

from research.common.lines import Lines
from research.model.networks import GLYPHS
from research.neighbours import (
    augmentation_tables,
    augmentations,
    label_tables,
    merged_labels,
    rehearsal,
    run_all,
    summary_tables,
    targets,
    uneven_labels,
    weighting_tables,
    wrong_labels,
)


@pytest.fixture
def sets(monkeypatch):
    """Ten classes of 200 images for every name."""
    known = {name: blobs(name, 10, 200, seed=seed, size=16, shift=seed) for seed, name in enumerate(GLYPHS)}
    for module in (targets, wrong_labels):
        monkeypatch.setattr(module, "read", lambda name, part="train": known[name])
    wrong_labels.confusable.cache_clear()
    yield known
    wrong_labels.confusable.cache_clear()


@pytest.mark.parametrize("source", wrong_labels.SOURCES)
def test_a_source_is_polluted_as_it_says_and_the_shots_are_not(sets, source):
    data, shots, bad = wrong_labels.cut("usps", source, 0)
    known = {image.tobytes(): label for image, label in zip(sets["usps"].images, sets["usps"].labels, strict=True)}
    assert np.bincount(shots.labels).tolist() == [wrong_labels.SHOTS] * 10
    assert [known[image.tobytes()] for image in shots.images] == shots.labels.tolist()
    assert not {image.tobytes() for image in shots.images} & {image.tobytes() for image in data.images}
    words = source.split()
    assert bad.mean() == {"right": 0.0, "polluted": 0.5, "turned": 0.5}.get(
        source, int(words[-1]) / 100 if words[1:] else 0
    )
    found = np.array([known.get(image.tobytes(), -1) for image in data.images])
    assert (found[~bad] == data.labels[~bad]).all()
    assert (found[bad] != data.labels[bad]).all()
    if words[0] == "pairs":
        assert {tuple(pair) for pair in zip(found[bad], data.labels[bad], strict=True)} <= set(
            enumerate(wrong_labels.confusable("usps"))
        )


def test_tables_hold_the_sources_that_were_measured_on_three_targets_or_more(monkeypatch, tmp_path):
    def line(target, source, gain):
        found = {
            way: {"own": 0.5 - gain * (way == "mentor"), "ridge": 0.4, "auc": 0.75, "s": 2.0}
            for way in wrong_labels.WAYS
        }
        return json.dumps({"asked": {"target": target, "source": source, "seed": 0}, "found": found})

    file = tmp_path / "lines.jsonl"
    file.write_text(
        "\n".join([*(line(target, "pairs 40", 0.1) for target in GLYPHS[:3]), line("usps", "polluted", 0.2)])
    )
    monkeypatch.setattr(wrong_labels, "FILE", Lines(file))
    rows = list(weighting_tables.errors("own"))
    assert rows[0] == "| | 40 % wrong, pairs (3) | seconds |"
    assert [row for row in rows if "mentor" in row] == ["| mentor | 40.0 (\N{MINUS SIGN}10.0 ± 0.0) | 2.0 |"]
    assert next(row for row in rows if "none" in row) == "| none | 50.0 | 2.0 |"
    assert list(weighting_tables.detectors())[-1] == "| derivative | 0.75 |"


def test_a_method_is_better_where_its_interval_leaves_out_zero_and_a_row_needs_three_targets(monkeypatch, tmp_path):
    def line(target, draw, gain):
        errors = {loss: [0.5 - gain * (loss == "logit-adjusted"), 0.5, 1.0] for loss in uneven_labels.LOSSES}
        return json.dumps({"asked": {"target": target, "draw": draw}, "errors": {"ridge": errors, "fine-tune": errors}})

    def rows(gains):
        path = tmp_path / "uneven.jsonl"
        path.write_text("\n".join(line(target, draw, gain) for draw in (0, 1) for target, gain in gains.items()))
        monkeypatch.setattr(uneven_labels, "FILE", Lines(path))
        return [row.text for row in summary_tables.uneven()]

    clear = rows({"mnist": 0.1, "usps": 0.12, "kmnist": 0.11})
    assert "| \N{MINUS SIGN}11.0 ± 2.5 (3) |" in clear[0]
    assert clear[0].endswith("| better |")
    assert clear[2].endswith("| +11.0 ± 2.5 (3) | 1.0 | worse |")
    assert rows({"mnist": 0.1, "usps": -0.12, "kmnist": 0.11})[0].endswith("| tie |")
    for module in (augmentations, summary_tables.episodes, merged_labels, rehearsal, wrong_labels):
        monkeypatch.setattr(module, "FILE", Lines(tmp_path / "none.jsonl"))
    for module in (summary_tables.searched_augmentation, summary_tables.wrong_shots):
        monkeypatch.setattr(module, "FILE", Lines(tmp_path / "none.jsonl"))
    rows({"mnist": 0.1, "usps": 0.12})
    assert not any("uneven" in row for row in summary_tables.table())


def test_merged_labels_are_compared_with_the_same_network_without(monkeypatch, tmp_path):
    def line(target, way, seed, error):
        asked = {"question": "targets", "target": target, "way": way, "seed": seed}
        return {"asked": asked, "errors": {head: [error] for head in merged_labels.HEADS}, "labels": 13, "seconds": 1.0}

    lines = [
        line(target, way, seed, 0.3 + 0.1 * seed + 0.02 * (way == "merged"))
        for target in ("mnist", "rsscn7")
        for way in ("disjoint", "merged")
        for seed in (0, 1)
    ]
    lines.append(line("mnist", "disjoint, turned", 1, 0.5))  # one seed only: beside that seed
    path = tmp_path / "merged.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    monkeypatch.setattr(merged_labels, "FILE", Lines(path))
    rows = list(label_tables.merged())
    assert rows[3].startswith("| merged | 13 | 13 | 37.0 (+2.0 ± 0.0) |")
    assert rows[4].startswith("| disjoint, turned |  |  | 50.0 (+10.0 ± ")


def test_one_command_runs_every_script_the_tables_last():
    scripts = {path.stem for path in Path(run_all.__file__).parent.glob("*.py")} - {"run_all", "targets", "__init__"}
    parts = run_all.parts()
    assert set(parts) == scripts
    assert len(parts) == len(scripts)
    tables = [name.endswith("tables") for name in parts]
    assert tables == sorted(tables)


def test_a_seed_of_augmentations_counts_once_all_its_rows_are_measured(monkeypatch, tmp_path):
    def line(row, seed, error):
        asked = {"question": "rotated", "of": "mnist", "row": row, "seed": seed}
        return {"asked": asked, "errors": {head: [error, error + 0.02] for head in augmentation_tables.HEADS}}

    rows = augmentations.WITH_ROTATION
    lines = [line(row, 0, 0.1 * number) for number, row in enumerate(rows)] + [line(row, 1, 0.9) for row in rows[1:]]
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    monkeypatch.setattr(augmentations, "FILE", Lines(path))
    assert list(augmentation_tables.cells("rotated", rows)) == [("mnist", 0)]
    assert list(augmentation_tables.rotated())[2:4] == ["| none | 1.0 | 1.0 | 1.0 |", "| fixed | 11.0 | 11.0 | 11.0 |"]


@pytest.mark.parametrize("row", augmentations.WITH_ROTATION)
def test_every_row_of_augmentations_is_one(row):
    assert augmentations.augmentation(row, recolour=0.0).is_identity == (row == "none")
