"""The contest: its controls are those of the product, trained without the search."""

from __future__ import annotations

from generators.studies import tiny_file

from geosearch.confirmation.controls import CONTROLS
from geosearch.mixture.weights import Weights
from geosearch.study.study import Study
from research.transfer.contest import CONTROL_ROWS, EXTRA, control, single_errors


def test_every_control_is_a_row_of_the_contest():
    assert {name for name, _ in CONTROL_ROWS.values()} == set(CONTROLS.names())
    assert set(CONTROL_ROWS) <= set(EXTRA)


def test_a_control_needs_no_search(tmp_path, cache):
    file = tiny_file(tmp_path, recipe_adaptation="self-train", search_evaluations=5)
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    assert set(single_errors(study)) == {Weights.single(0, 2), Weights.single(1, 2)}
    for row in CONTROL_ROWS:
        errors, seconds = control(study, row, number=1)
        assert set(errors) == {"ridge", "fine-tune", "self-train"}
        assert all(0 <= error <= 1 for error in errors.values())
        assert seconds > 0
    assert not study.trials
