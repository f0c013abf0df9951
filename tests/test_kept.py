"""Files that an earlier version left open with the numbers they had, or are refused with what to do.

tests/kept/make.py wrote those of today's format; a new format keeps its files in a folder beside the old one, and
either migrates the old ones or refuses them in one message. Those of version 0.1 are refused.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from geosearch.data.license import read_license
from geosearch.errors import InvalidDataError, NewerFormatError, StudyMismatchError
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.runtime.result_cache import get_or_evaluate
from geosearch.search.study_record import FORMAT
from geosearch.search.study_store import stored_settings
from geosearch.study.study import Study

KEPT = Path(__file__).parent / "kept"


@pytest.fixture
def kept(tmp_path):
    return Path(shutil.copytree(KEPT / f"format-{FORMAT}", tmp_path / "kept"))


@pytest.fixture
def expected(kept):
    return json.loads((kept / "expected.json").read_text())


@pytest.mark.parametrize("folder", [f"format-{FORMAT}", "before-test-sets"])  # the latter: a number in domain.test
def test_a_kept_study_opens_with_its_trials_and_its_verdict(folder, tmp_path, cache):
    shutil.copytree(KEPT / folder, tmp_path / "kept")
    expected = json.loads((tmp_path / "kept" / "expected.json").read_text())
    study = Study.open(str(tmp_path / "kept" / "study.db"), cache=cache)
    assert study.file.domain.test_size == 40
    assert study.file.domain.shots == 3
    assert [trial.error for trial in study.trials] == expected["errors"]
    assert [list(trial.weights) for trial in study.trials] == expected["weights"]
    assert study.best.number == expected["best"]
    assert study.source_names == ("near", "far")
    assert study.confirmation.verdict() == expected["verdict"]
    assert "no pretraining" in expected["verdict"]
    assert study.status()["complete"] == 7
    assert "(one training, so no interval)" in status_text(study.summary())
    assert "nan" not in status_text(study.summary())


def test_a_kept_card_is_read(kept):
    assert "geosearch-card" in (kept / "CARD.md").read_text()
    assert read_license(kept) is not None


def test_kept_entries_of_the_cache_are_read_not_computed(kept, expected):
    cache = Cache(kept)
    (path,) = (kept / "labels").glob("*.safetensors")
    arrays = cache.arrays("labels", path.stem, lambda: pytest.fail("computed again"))
    assert all(np.isfinite(array).all() for array in arrays.values())
    (path,) = (kept / "evaluation").glob("*.safetensors")
    known = get_or_evaluate(cache, path.stem, lambda: pytest.fail("evaluated again"))
    assert known.squared_error == expected["evaluation"]


def test_entries_of_the_first_version_are_computed_again_and_one_sentence_says_so(tmp_path, caplog):
    old = Path(shutil.copytree(KEPT / "version-0.1", tmp_path / "old"))
    (path,) = (old / "labels").glob("*.safetensors")
    assert Cache(old).arrays("labels", path.stem, lambda: {"x": np.ones(2)}).keys() == {"x"}
    assert [*caplog.messages] == [
        f"the cache {old} holds files of geosearch 0.1; what is needed of them is computed again"
    ]


def test_a_card_of_the_first_version_is_refused_with_what_to_do():
    with pytest.raises(InvalidDataError, match=r"written by geosearch 0\.1.*write the data set again"):
        read_license(KEPT / "version-0.1")


def readers(path, cache):
    """The ways in which a database is opened: by its name, for a search, and for its settings."""
    return (lambda: Study.open(str(path), cache=cache), lambda: stored_settings(f"sqlite:///{path}"))


def test_a_database_of_the_first_version_is_refused_with_what_to_do(tmp_path, cache):
    path = Path(shutil.copy(KEPT / "version-0.1" / "study.db", tmp_path))
    before = path.read_bytes()
    for read in readers(path, cache):
        with pytest.raises(StudyMismatchError, match=r"finish it with version 0\.1, or start anew with --force-new"):
            read()
    assert path.read_bytes() == before


def test_a_newer_database_is_refused_with_what_to_do(kept, cache):
    study = Study.open(str(kept / "study.db"), cache=cache)
    study.store.set_meta("geosearch", {**study.store.study.user_attrs["geosearch"], "format": FORMAT + 1})
    for read in readers(kept / "study.db", cache):
        with pytest.raises(NewerFormatError, match="pip install --upgrade geosearch"):
            read()
