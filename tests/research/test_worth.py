"""What the search is worth: only rows with as many networks are compared, and Holm's correction decides on wins."""

from __future__ import annotations

import json

import pytest

from geosearch.confirmation.row import BEST, NO_PRETRAINING
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION, SINGLE
from research.transfer import worth
from research.transfer.contest import POOLED_TAUGHT
from research.transfer.standings import TAUGHT


def write(folder, targets, seeds, gain, noise=0.001):
    """Studies in which the search is better than every other row by `gain`."""
    others = (PROJECTION, CLOUD, POOLED, NO_PRETRAINING, SINGLE + "a", SINGLE + "b")
    lines = []
    for target in targets:
        for seed in range(seeds):
            errors = {BEST: {"ridge": 0.2, "fine-tune": 0.2, "self-train": 0.2}, TAUGHT: {"self-train": 0.1}}
            for i, row in enumerate(others):
                errors[row] = dict.fromkeys(("ridge", "fine-tune", "self-train"), 0.2 + gain + noise * ((seed + i) % 3))
            errors[TAUGHT] |= {"ridge": 0.2, "fine-tune": 0.2}
            errors[POOLED_TAUGHT] = {"self-train": 0.15 + noise * seed, "ridge": 0.2, "fine-tune": 0.2}
            asked = {"target": target, "seed": seed, "shots": 2, "edition": "x"}
            lines.append({"asked": asked, "errors": errors, "seconds": {}})
    (folder / "contest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "contest_rows.jsonl").write_text("")


def test_rows_with_several_networks_meet_none_with_one(tmp_path):
    write(tmp_path, ["mnist", "usps"], 3, gain=0.05)
    found = worth.compare(tmp_path, 2)
    assert {one.rival for one in found if one.own == BEST} == {PROJECTION, CLOUD, POOLED, NO_PRETRAINING}
    assert {one.rival for one in found if one.own == TAUGHT} == {POOLED_TAUGHT}
    assert all(one.adaptation == "self-train" for one in found if one.own == TAUGHT)
    assert any("4 networks each" in line for line in worth.table(tmp_path))


@pytest.mark.parametrize(("gain", "won"), [(0.05, 2), (0.0, 0)])
def test_a_win_is_one_that_the_correction_leaves(tmp_path, gain, won):
    write(tmp_path, ["mnist", "usps"], 5, gain=gain, noise=0.001 if gain else 0.02)
    found = worth.compare(tmp_path, 2)
    ridge = next(one for one in found if one.adaptation == "ridge" and one.rival == POOLED)
    assert f"({won}, 0)" in ridge.cell(worth.holm(found))
