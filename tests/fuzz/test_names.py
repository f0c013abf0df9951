"""Names, settings and addresses of every shape: generated, not chosen."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geosearch.config.read import parse_study
from geosearch.config.study_config import StudyFile
from geosearch.data.card import plain_text
from geosearch.data.dataset import LabelledSet
from geosearch.data.writers.file_name import safe_name
from geosearch.data.writers.write import write_mixture
from geosearch.errors import InvalidOptionError
from geosearch.report.page import allow_breaks
from geosearch.runtime.redact import mask, scrub

WORDS = st.text(string.ascii_letters + string.digits, min_size=6, max_size=12)
ODD = ["../../x", ".", "..", "", "CON", "nul.png", "a\0b", "a/b", "\\\\host\\c", "<script>alert(1)</script>", "\ud800"]


@given(st.text(st.characters(), max_size=300))
def test_no_name_leaves_its_folder(name):
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not set(safe) & set('/\\\0:*?"<>|')
    assert len(safe.encode()) <= 101
    assert safe.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


@settings(max_examples=60)
@given(st.sampled_from(["postgresql", "mysql+pymysql", "http"]), WORDS, st.text("ab:/?#[]@ %&=\n", max_size=5), WORDS)
def test_no_password_is_ever_shown(kind, secret, noise, user):
    secret = f"{noise}{secret.upper()}0Q"  # longer than anything else, so that it is told from the rest
    address = f"{kind}://{user.lower()}:{secret}@127.0.0.1:5432/study?sslpassword={secret.strip()[-8:]}"
    for said in (mask(address), scrub(f"cannot reach {address}: for user with {secret}", address)):
        assert secret not in said
        assert secret[-8:] not in said
    assert mask("sqlite:///studies/mnist.db") == "sqlite:///studies/mnist.db"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*StudyFile.model_fields, "name", "target", "sources", "floors", "groups", "storage", "seed"])


@settings(max_examples=150)
@given(st.dictionaries(KEYS | st.text(max_size=5), st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=4))
def test_no_settings_are_a_traceback(data):
    with pytest.raises(InvalidOptionError):
        parse_study(data)


@pytest.mark.parametrize("section", [{"width": 2**62}, {"width": 2**31}, {"batch": 2**31}])
def test_sizes_that_no_memory_holds_are_refused(section):
    with pytest.raises(InvalidOptionError, match="less than or equal to"):
        parse_study({"study": {"name": "a"}, "domain": {"target": "digits", "sources": ["a", "b"]}, "recipe": section})


def test_variables_are_expanded_in_paths_and_addresses_alone(monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    data = {
        "study": {"name": "a"},
        "domain": {"target": "npz:${SECRET}.npz", "sources": ["npz:${SECRET}/a.npz", "digits"]},
        "transport": {"backbone": "${SECRET}"},
        "search": {"storage": "postgresql://me:${SECRET}@host/db"},
    }
    file = parse_study(data)
    assert file.domain.target == "npz:hunter2.npz"
    assert file.storage == "postgresql://me:hunter2@host/db"
    assert file.transport.backbone == "${SECRET}"
    assert "hunter2@" not in str(file.fingerprint)
    with pytest.raises(InvalidOptionError, match="use the letters") as caught:
        parse_study({**data, "study": {"name": "${SECRET}"}})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidOptionError, match="needs the environment variable UNSET") as caught:
        parse_study({**data, "search": {"storage": "postgresql://me:hunter2@${UNSET}/db"}})
    assert "hunter2" not in str(caught.value)


class Stream:
    class_names = tuple(f"set/{name}" for name in ODD)
    image_shape = (4, 4, 1)

    def batches(self, size, rng):
        while True:
            soft = np.eye(len(ODD), dtype=np.float32)[rng.integers(len(ODD), size=size)]
            yield rng.random((size, 1, 4, 4), dtype=np.float32), soft


@pytest.mark.parametrize("bare", [False, True])
def test_classes_of_odd_names_are_written_within_the_folder(tmp_path, bare):
    stream = Stream()
    names = LabelledSet.from_arrays(
        np.zeros((len(ODD), 4, 4), np.uint8), np.arange(len(ODD)), name="odd", classes=ODD
    ).classes
    stream.class_names = names if bare else tuple(f"set/{name}" for name in names)
    out = write_mixture(stream, size=60, out=tmp_path / "deep" / "out", card="card")
    assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} == {
        "deep",
        "out",
        *(path.parent.name for path in out.rglob("*.png") if path.is_file()),
    }
    assert sum(path.is_file() for path in out.rglob("*.png")) == 60


def test_names_are_text_in_pages_and_cards():
    assert "<script>" not in allow_breaks("<script>alert(1)</script>")
    assert "<script>" not in plain_text("<script>alert(1)</script>").replace("\\<", "")
