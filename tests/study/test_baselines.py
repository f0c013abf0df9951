"""The baselines of a study: forty sources are searched with the budget of four."""

from __future__ import annotations

from collections import Counter

import pytest
from generators.studies import tiny_file

from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION, SEARCHED, SINGLE
from geosearch.report.status import status_text
from geosearch.search.objective import Objective
from geosearch.study.baselines import find_single_sources
from geosearch.study.build_search import build_search
from geosearch.study.study import Study
from research.common.glyph_sources import write_glyph_sources


def forty(folder, cache, **changes) -> Study:
    parts = {"domain_reference": 60, "domain_held_out": 40, "domain_test_size": 60, "domain_samples": 100}
    sources = write_glyph_sources(folder, 40)
    file = tiny_file(folder, domain_target="digits", domain_sources=sources, **parts, **changes)
    return Study.open(file, storage=f"sqlite:///{folder}/forty.db", cache=cache)


def test_single_sources_are_known_by_their_roles_within_limits_too():
    roles = [POOLED, "single: a", "single: b, within limits", "single: c"]
    assert find_single_sources(roles, ["a", "b"]) == {"single: a": "a", "single: b, within limits": "b"}


@pytest.mark.slow
def test_forty_sources_are_searched_to_the_end(tmp_path, shared_cache, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = Counter()
    evaluate = Objective.evaluate_many

    def count(self, asked, *, jobs):
        trained.update(weights for weights, *_ in asked)
        return evaluate(self, asked, jobs=jobs)

    monkeypatch.setattr(Objective, "evaluate_many", count)
    study = forty(tmp_path, shared_cache, search_evaluations=24, search_sampler="hull", confirm_seeds=1)
    verdict = study.run().verdict()
    assert "Of 40 single sources, the 5 nearest were trained." in verdict
    roles = [trial.role for trial in study.trials if trial.state == "complete"]
    assert len(roles) == 24
    assert roles[:3] == [POOLED, PROJECTION, CLOUD]
    assert all(role.startswith(SINGLE) for role in roles[3:8])
    assert all(role == SEARCHED for role in roles[8:])
    assert trained.total() <= 24 + 30 + 9  # trials, the race, the explanation
    rows = [row.name for row in study.confirmation.rows]
    assert sum(row.startswith(SINGLE) and not row.startswith("single by") for row in rows) == 1
    job = build_search(study.file, study.prepared, study.store, study.cache, study.progress)
    design = study.store.record.debiased_design.values[:40]
    nearest = sorted(range(40), key=lambda i: design[i])[:5]
    assert list(job.baselines)[3:] == [SINGLE + study.source_names[i] for i in nearest]
    assert "5 of 40 are trained alone as baselines, not " in status_text(study.summary())
    assert "Not trained alone: " in study.report().read_text()


@pytest.mark.slow
def test_forty_sources_need_no_search(tmp_path, shared_cache):
    study = forty(tmp_path, shared_cache, search_evaluations=0, confirm_seeds=1, confirm_explain=False)
    assert "without a search" in study.run().verdict()
    assert study.trials == ()
