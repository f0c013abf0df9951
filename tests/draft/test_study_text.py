"""The text of a study file is TOML, whatever stands in it."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from geosearch.draft.study_text import Entry, render_study

VALUES = st.one_of(st.booleans(), st.integers(-9, 9), st.floats(0, 1), st.text(), st.lists(st.text(), max_size=9))


@given(value=VALUES, reason=st.text(st.characters(categories=["L", "N", "P", "Zs"])))
def test_a_value_comes_back(value, reason):
    text = render_study([Entry("domain", "key", value, reason)], ["head"])
    assert tomllib.loads(text)["domain"]["key"] == value


def test_reasons_are_comments_beside_or_above():
    entries = [
        Entry("domain", "size", 28, "short"),
        Entry("recipe", "flip", True, "long " * 30),
        Entry("domain", "download", None, "only mentioned"),
    ]
    assert render_study(entries, ["head", ""]).splitlines()[:6] == [
        "# head", "#", "", "[domain]", "size = 28                 # short", "# only mentioned"
    ]  # fmt: skip
    assert all(len(line) <= 110 for line in render_study(entries, []).splitlines())
