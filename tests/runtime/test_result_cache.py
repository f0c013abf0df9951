"""What was put is got, whole; what is damaged is as good as absent."""

import json

import pytest

from geosearch.errors import StudyMismatchError
from geosearch.runtime.result_cache import Evaluation, Ledger

ENTRY = Evaluation("abc", 0.25, 1 / 3, 1.5, {"seed": 3, "name": "ü"})


def test_what_is_put_is_got_also_by_another_ledger(tmp_path):
    Ledger(tmp_path / "new" / "folder").put("abc", ENTRY)
    assert Ledger(tmp_path / "new" / "folder").get("abc") == ENTRY
    assert Ledger(tmp_path / "new" / "folder").get("abd") is None


def test_the_last_one_put_counts_and_nothing_else_is_left_behind(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("abc", Evaluation("abc", 1.0, 1.0, 1.0))
    ledger.put("abc", ENTRY)
    assert ledger.get("abc") == ENTRY
    assert [path.name for path in tmp_path.iterdir()] == ["abc.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "key": "other"}),
        lambda text: json.dumps({**json.loads(text), "squared_error": None}),
        lambda text: json.dumps({**json.loads(text), "top1_error": float("nan")}),
        lambda text: json.dumps({**json.loads(text), "facts": 3}),
        lambda text: "\0" * len(text),
    ],
)
def test_a_damaged_file_is_ignored_with_a_warning_and_can_be_replaced(tmp_path, damage, caplog):
    ledger = Ledger(tmp_path)
    ledger.put("abc", ENTRY)
    path = ledger.path("abc")
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert ledger.get("abc") is None
    assert "damaged" in caplog.text
    ledger.put("abc", ENTRY)
    caplog.clear()
    assert ledger.get("abc") == ENTRY
    assert not caplog.records


def test_bytes_that_are_no_text_are_damage_too(tmp_path, caplog):
    Ledger(tmp_path).path("abc").write_bytes(b"\xff\xfe\x00")
    assert Ledger(tmp_path).get("abc") is None
    assert "damaged" in caplog.text


def test_no_flipped_bit_gives_another_evaluation(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("abc", ENTRY)
    content = ledger.path("abc").read_bytes()
    for at in range(len(content)):
        ledger.path("abc").write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        assert ledger.get("abc") in (None, ENTRY)


def test_entries_from_before_checksums_count_and_newer_ones_are_refused(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("abc", ENTRY)
    kept = json.loads(ledger.path("abc").read_text())
    ledger.path("abc").write_text(json.dumps({k: v for k, v in kept.items() if k not in ("format", "checksum")}))
    assert ledger.get("abc") == ENTRY
    ledger.path("abc").write_text(json.dumps({**kept, "format": 2, "loss": 3}))
    with pytest.raises(StudyMismatchError, match="pip install --upgrade geosearch"):
        ledger.get("abc")
