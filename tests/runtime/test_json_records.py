"""Records as JSON: what was kept is what is read, and a wrong field is named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

import pytest

from geosearch.runtime.json_records import from_json, to_json


class Kind(StrEnum):
    ONE = auto()


@dataclass(frozen=True)
class Part:
    kind: Kind
    values: tuple[float, ...]


@dataclass(frozen=True)
class Whole:
    parts: Mapping[int, Part]
    rest: Part | None = None


def test_what_is_kept_is_what_is_read():
    whole = Whole({3: Part(Kind.ONE, (0.1 + 0.2, math.inf, 1e-300))})
    kept = json.loads(json.dumps(to_json(Whole, whole)))
    assert kept["parts"]["3"]["kind"] == "one"
    assert from_json(Whole, kept) == whole


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"parts": {"3": {"kind": "two", "values": []}}}, r"parts\.3\.kind: .*'one'"),
        ({"parts": {"3": {"kind": "one", "values": ["x"]}}}, r"parts\.3\.values\.0: .*number"),
        ({}, "parts: Field required"),
    ],
)
def test_a_wrong_field_is_named(kept, said):
    with pytest.raises(ValueError, match=said):
        from_json(Whole, kept)
