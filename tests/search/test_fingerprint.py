"""Settings and data of a study: what is the same wherever it lies, and what is not."""

from __future__ import annotations

import pytest

from geosearch.search.fingerprint import find_changed, find_differences, format_setting, match_specs


def settings(folder: str, *names: str, cap: float = 0.5) -> dict:
    target, *sources = (f"npz:{folder}/{name}.npz" for name in names)
    return {
        "domain.target": target,
        "domain.sources": sources,
        "limits.caps": {sources[0]: cap},
        "limits.groups": [{"sources": sources, "cap": 0.9}],
        "study.seed": 1,
    }


def test_where_sets_lie_does_not_matter():
    assert find_differences(settings("/here", "t", "a", "b"), settings("~/there", "t", "a", "b")) == []
    folder, same = {"domain.target": "imagefolder:/a/parts"}, {"domain.target": "imagefolder:/b/parts/"}
    assert find_differences(folder, same) == []


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        (settings("/here", "t", "b", "a"), ["domain.sources", "limits.caps", "limits.groups"]),
        (settings("/here", "u", "a", "b"), ["domain.target"]),
        (settings("/there", "t", "a", "b", cap=0.6), ["limits.caps"]),
        ({**settings("/here", "t", "a", "b"), "domain.target": "imagefolder:/here/t.npz"}, ["domain.target"]),
        ({**settings("/here", "t", "a", "b"), "study.seed": 2}, ["study.seed"]),
        ({**settings("/here", "t", "a", "b"), "transport.weights": "/here/w.pt"}, ["transport.weights"]),
    ],
)
def test_what_sets_and_what_else_does(asked, keys):
    kept = settings("/here", "t", "a", "b")
    assert find_differences(kept, asked) == keys
    assert format_setting(kept, "transport.weights") == "not set (as 0 or empty)"


def test_caps_of_sets_that_share_a_name_are_told_apart():
    def one(first: str, second: str) -> dict:
        return {
            "domain.target": "digits",
            "domain.sources": ["npz:/a/train.npz", "npz:/b/train.npz"],
            "limits.caps": {f"npz:/{first}/train.npz": 0.3, f"npz:/{second}/train.npz": 0.6},
        }

    assert find_differences(one("a", "b"), one("a", "b")) == []
    assert find_differences(one("a", "b"), one("b", "a")) == ["limits.caps"]


def test_sets_are_known_by_their_contents_and_their_order():
    known = {"npz:/a/t.npz": "1", "npz:/a/t.npz, test part": "2", "npz:/a/train.npz": "3", "npz:/b/train.npz": "4"}
    moved = {"npz:/c/t.npz": "1", "npz:/c/t.npz, test part": "2", "npz:/c/train.npz": "3", "npz:/d/train.npz": "4"}
    assert find_changed(known, moved) == []
    assert find_changed(known, {**moved, "npz:/c/train.npz": "4", "npz:/d/train.npz": "3"}) == list(known)[2:]
    assert find_changed(known, {**moved, "npz:/c/t.npz": "5"}) == list(known)[:1]
    without = {spec: print_ for spec, print_ in moved.items() if "test part" not in spec}
    assert set(find_changed(known, without)) == set(list(known)[1:])


def test_sets_are_found_on_another_shelf_by_their_name_if_only_one_has_it():
    assert match_specs(["npz:/b/a.npz", "digits"], ["digits", "npz:/c/a.npz", "npz:/c/e.npz"]) == {
        "digits": "digits",
        "npz:/c/a.npz": "npz:/b/a.npz",
    }
    assert match_specs(["npz:/b/a.npz", "npz:/c/a.npz"], ["npz:/c/a.npz", "npz:/d/a.npz"]) == {
        "npz:/c/a.npz": "npz:/c/a.npz"
    }
    assert match_specs(["npz:/b/a.npz"], ["npz:/c/a.npz", "npz:/d/a.npz"]) == {}
