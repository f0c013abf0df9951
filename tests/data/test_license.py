"""The line of a card that programs read."""

from __future__ import annotations

from pathlib import Path

import pytest

from geosearch.data.license import FORMAT, license_comment, read_license
from geosearch.errors import InvalidDataError, NewerFormatError


def test_licenses_carry_over(tmp_path: Path) -> None:
    line = license_comment([("near", "MIT"), ("far", "CC BY-SA 4.0 -->"), ("third", "MIT")])
    (tmp_path / "CARD.md").write_text(f"# Mixture\n\n{line}\n")
    assert line.count("-->") == 1
    assert read_license(tmp_path) == "CC BY-SA 4.0 -->; MIT"


def test_other_folders_have_no_known_license(tmp_path: Path) -> None:
    assert read_license(tmp_path) == "unknown"
    (tmp_path / "CARD.md").write_text("# Mine\n")
    assert read_license(tmp_path) == "unknown"


def test_a_newer_card_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    (tmp_path / "CARD.md").write_text(f'<!-- geosearch-card {{"format": {FORMAT + 1}, "what": 3}} -->')
    with pytest.raises(NewerFormatError, match="pip install --upgrade geosearch"):
        read_license(tmp_path)


@pytest.mark.parametrize(
    "text", ['{"format": "x"}', '{"format": 2, "licenses": 3}', '{"format": 2, "licenses": [3]}', "{]}"]
)
def test_a_line_that_was_changed_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "CARD.md").write_text(f"<!-- geosearch-card {text} -->")
    with pytest.raises(InvalidDataError, match="write the data set again"):
        read_license(tmp_path)


def test_a_card_of_the_first_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "CARD.md").write_text('<!-- geosearch-card {"format": 1, "licences": [["near", "MIT"]]} -->')
    with pytest.raises(
        InvalidDataError, match=r"written by geosearch 0\.1.*write the data set again.*or delete the line"
    ):
        read_license(tmp_path)
