"""Whole studies whose sampler begins with the weights that a training has found."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from generators.studies import encoded_file, tiny, tiny_file, write_toml

from geosearch.config.read import parse_study
from geosearch.errors import InvalidOptionError
from geosearch.pretraining.source_weighting import TRAININGS, SourceWeighting
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.study.build_confirmation import build_control_inputs
from geosearch.study.build_search import build_objective
from geosearch.study.estimate import check
from geosearch.study.source_weights import build_source_weights
from geosearch.study.study import Study

HYPERGRADIENT = {"search_sampler": "hypergradient", "search_evaluations": 6}


def test_a_study_begins_its_search_with_the_found_weights(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    caps = {f"npz:{tmp_path / 'near.npz'}": 0.3}
    changes = {**HYPERGRADIENT, "limits_caps": caps, "confirm_controls": ["hypergradient"]}
    file = tiny_file(tmp_path, **changes, confirm_seeds=1, domain_pseudo_labels="nearest")
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    confirmation = study.run()
    found = study.store.record.source_weights
    assert found is not None
    assert sum(found.values) == pytest.approx(1)
    assert "hypergradient" in status_text(study.summary())
    assert study.summary().fidelities[2].evaluations == 1
    nearest = study.store.space.nearest(found.mixture)
    assert nearest in [trial.point for trial in study.trials]
    assert "weights by hypergradient, within limits" in [row.name for row in confirmation.rows]
    monkeypatch.setattr(SourceWeighting, "train", lambda *_, **__: pytest.fail("trained again"))
    assert build_source_weights(file, build_objective(file, study.prepared, cache), cache) == found
    assert build_control_inputs(file, study.prepared, cache, {}).source_weights() == found.mixture


def test_the_two_ways_find_different_weights(tmp_path: Path, cache: Cache) -> None:
    file = tiny_file(tmp_path, **HYPERGRADIENT, domain_pseudo_labels="nearest")
    study = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db", cache=cache)
    objective = build_objective(file, study.prepared, cache)
    ways = [file, file.with_search(hypergradient="implicit")]
    assert len({build_source_weights(one, objective, cache).values for one in ways}) == 2


def test_activations_in_place_of_images_have_weights_too(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = encoded_file(tmp_path, search_sampler="hypergradient", domain_pseudo_labels="nearest")
    study = Study.open(file, cache=cache)
    found = build_source_weights(file, build_objective(file, study.prepared, cache), cache)
    assert len(found.values) == 2
    assert found.values != (0.5, 0.5)


def test_what_it_costs_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geosearch.study.pace.measure_pace", lambda *_, **__: SimpleNamespace(step_seconds=1.0))
    monkeypatch.setattr("geosearch.study.estimate.fitting_seconds", lambda *_: 0.0)

    def estimate(**changes: object):
        return check(write_toml(tmp_path / "study.toml", tiny(tmp_path, **changes)))

    without, with_it = estimate(), estimate(search_sampler="hypergradient")
    assert with_it.wall_seconds - without.wall_seconds == pytest.approx(TRAININGS * 4)
    assert f"take the time of {TRAININGS:g} more trainings" in with_it.text()
    assert "more trainings" not in without.text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"search_sampler": "hypergradient", "recipe_objective": "episodic"}, "cannot go with recipe.objective"),
        ({"confirm_controls": ["hypergradient"], "recipe_objective": "episodic"}, "cannot go with recipe.objective"),
        ({"search_hypergradient": "magic"}, "expected 'look-ahead' or 'implicit'"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        parse_study(tiny(tmp_path, **changes))


def test_a_network_of_which_only_the_head_is_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r'set recipe\.trainable to "last", a number of stages'):
        encoded_file(tmp_path, search_sampler="hypergradient", recipe_trainable="head")
