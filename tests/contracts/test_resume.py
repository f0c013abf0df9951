"""A study of the further methods that was interrupted gives the same numbers as one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from generators.studies import tiny_file

from geosearch.runtime.cache import Cache
from geosearch.runtime.events import Event, RowConfirmed, TrialFinished
from geosearch.study.study import Study

STUDIES: dict[str, dict[str, Any]] = {
    "episodes, regularized, mentor": {
        "recipe_objective": "episodic",
        "recipe_adaptation": "regularized",
        "confirm_variants": ["mentor", "importance"],
    },
    "turned classes, prototypes": {
        "recipe_objective": "rotated-classes",
        "recipe_adaptation": "prototypes",
        "recipe_robust": "similarity",
    },
    "hypergradient, merged labels, learned augmentation, logit adjustment": {
        "recipe_augmentation": "learned",
        "search_sampler": "hypergradient",
        "domain_label_space": "merged",
        "recipe_loss": "logit-adjusted",
        "confirm_controls": ["hypergradient"],
    },
}


class Interrupting:
    """Raises KeyboardInterrupt at the third trial, and at the second row that is confirmed."""

    def __init__(self) -> None:
        self.left = {TrialFinished: 3, RowConfirmed: 2}

    def event(self, event: Event) -> None:
        kind = type(event)
        if kind in self.left:
            self.left[kind] -= 1
            if self.left[kind] == 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize("name", STUDIES)
def test_an_interrupted_study_goes_on_to_the_same_numbers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = {"search_evaluations": 6, "search_finalists": 1, "confirm_seeds": 1}
    file = tiny_file(tmp_path, **short, **STUDIES[name])
    whole = Study.open(file, storage=f"sqlite:///{tmp_path}/whole.db", cache=Cache(tmp_path / "one"))
    whole.run()
    parts = {"storage": f"sqlite:///{tmp_path}/parts.db", "cache": Cache(tmp_path / "two")}
    listener = Interrupting()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Study.open(file, **parts, progress=listener).run()  # type: ignore[arg-type]
    resumed = Study.open(file, **parts)  # type: ignore[arg-type]
    resumed.run()
    assert [trial.error for trial in resumed.trials] == [trial.error for trial in whole.trials]
    found, expected = (  # of every row and adaptation
        {row.name: row.top1_errors for row in one.confirmation.rows} for one in (resumed, whole) if one.confirmation
    )
    assert found == expected
