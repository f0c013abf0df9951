"""One page that stands alone, says the verdict first, and trusts no name."""

from __future__ import annotations

import errno
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from geosearch.confirmation.comparison import compare, format_points
from geosearch.confirmation.row import BEST, NO_PRETRAINING
from geosearch.data.card import license_warnings
from geosearch.errors import InvalidOptionError, StorageError
from geosearch.report import figures
from geosearch.report.page import confirmation_tables, remarks, render, used_sources, verdict, write_page
from geosearch.report.status import status_of, status_text

FINISHED = {"m": 3, "searched": 9}
HOSTILE = {"m": 3, "hostile": True, "searched": 9}
MANY = {"m": 8, "seeds": 1, "searched": 8}
SEARCHING = {"m": 2, "state": "searching", "searched": 9}
BASELINES, PREPARED, EMPTY = ({"m": 2, "state": state} for state in ("baselines", "prepared", "empty"))
STATES = [FINISHED, HOSTILE, MANY, SEARCHING, BASELINES, PREPARED, EMPTY]
VOID = {"meta", "wbr", "br", "img", "link", "input", "hr", "base"}


@pytest.fixture(scope="module")
def page_of(facts_of):
    """Facts and page of a state, rendered once."""
    kept: dict = {}

    def get(state):
        if (key := str(state)) not in kept:
            facts = facts_of(**state)
            kept[key] = facts, render(facts)
        return kept[key]

    return get


class Reader(HTMLParser):
    """Checks that tags close in order; keeps the text outside drawings, the tags, and every address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.text += "" if tag == "wbr" else " "
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "xlink:href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_page_is_whole_and_refers_to_nothing_outside_itself(page_of, state):
    _, page = page_of(state)
    reader = Reader(page)
    assert not reader.tags & {"script", "link", "iframe", "img", "object", "base"}
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in reader.addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[^\"]*", "", page))
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_the_verdict_comes_first_then_the_tables_then_figures_sources_settings_versions(page_of):
    facts, page = page_of(FINISHED)
    words = Reader(page).words
    order = [
        facts.confirmation.verdict(),
        "Test error, ridge",
        "Test error, fine-tune",
        "Search history",
        "Sources",
        "Settings",
        "Versions",
    ]
    places = [words.index(text) for text in order]
    assert places == sorted(places)
    assert "study.seed 0" in words
    assert "torch 2.15.0" in words


def test_a_source_called_script_is_text(page_of):
    facts, page = page_of(HOSTILE)
    assert "<script" not in page
    assert facts.sources[0].name == "<script>alert(0)</script> & $x^0$ fonts/sans-digits"
    assert f"single: {facts.sources[0].name}" in Reader(page).words


def test_the_table_says_for_every_row_and_adaptation_what_the_confirmation_says(facts_of):
    kept = facts_of().confirmation
    both = confirmation_tables(kept)
    assert [(table.adaptation, table.own) for table in both] == [("ridge", True), ("fine-tune", False)]
    for table in both:
        assert {line.name for line in table.lines} == {row.name for row in kept.rows}
        means = [kept.row(line.name).mean(table.adaptation) for line in table.lines]
        assert means == sorted(means)
        for line in table.lines:
            row = kept.row(line.name)
            errors = 100 * np.array(row.top1_errors[table.adaptation])
            assert line.error == f"{errors.mean():.1f} ± {100 * row.half_width(table.adaptation):.1f}"
            against = compare(kept.row(BEST), row, table.adaptation)
            if line.name == BEST:
                assert (line.difference, line.outcome) == ("", "")
            else:
                assert line.outcome == against.outcome
                assert line.difference == f"{format_points(against.points)} ± {against.half_width:.1f}"


def test_one_seed_has_no_interval_and_says_so(page_of):
    facts, page = page_of(MANY)
    assert {line.outcome for line in confirmation_tables(facts.confirmation)[0].lines} == {"", "tie"}
    assert "±" not in "".join(line.error + line.difference for line in confirmation_tables(facts.confirmation)[0].lines)
    assert "One seed, 1,000 test images. With one seed there is no confidence interval" in Reader(page).words


def test_the_baseline_that_the_best_mixture_is_does_not_tie_with_it(facts_of):
    confirmation = replace(facts_of(3).confirmation, equal="pooled union")
    for table in confirmation_tables(confirmation):
        (line,) = (line for line in table.lines if line.name == "pooled union")
        assert (line.difference, line.outcome) == ("", "the same")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (EMPTY, "No trial has finished yet."),
        (PREPARED, "No trial has finished yet."),
        (BASELINES, "The best mixture so far is a baseline, "),
        (SEARCHING, "The best mixture so far is trial "),
    ],
)
def test_before_the_confirmation_the_page_says_how_far_it_is(page_of, state, words):
    facts, page = page_of(state)
    assert words in verdict(facts)
    text = Reader(page).words
    assert words in text
    assert "Test errors: available after the end of the search." in text


def test_a_row_that_lacks_an_adaptation_has_a_dash_in_the_status_and_no_line_on_the_page(facts_of):
    facts = facts_of()
    kept = facts.confirmation
    counted = [replace(row, networks=dict.fromkeys(row.top1_errors, 1)) for row in kept.rows]
    rows = [row if row.name == NO_PRETRAINING else without_fine_tuning(row) for row in counted]
    facts = replace(facts, confirmation=replace(kept, rows=tuple(rows)))
    own, tuned = confirmation_tables(facts.confirmation)
    assert len(own.lines) == len(rows)
    assert [(line.name, line.difference, line.outcome) for line in tuned.lines] == [(NO_PRETRAINING, "", "")]
    assert (own.compares, tuned.compares) == (True, False)
    page = render(facts)
    assert page.count('class="best"') == 1
    assert page.count("best mixture minus this row") == 1
    lines = [line for line in status_text(facts).splitlines() if line.startswith((BEST, NO_PRETRAINING))]
    assert [" - " in f"{line} " for line in sorted(lines)] == [True, False]
    assert len({line.rstrip().rfind("±") for line in lines}) == 2
    figure = figures.plot_confirmation(facts).figure
    assert [len(axes.lines) for axes in figure.axes] == [1 + len(rows), 1]


def without_fine_tuning(row):
    errors = {"ridge": row.top1_errors["ridge"]}
    return replace(row, top1_errors=errors, networks=dict.fromkeys(errors, 1), gap_half_widths={})


@pytest.mark.parametrize("state", [PREPARED, BASELINES, SEARCHING, FINISHED])
def test_the_free_answer_stands_on_every_page_and_so_do_the_sources_that_are_not_trained(page_of, state):
    facts, page = page_of(state)
    words = Reader(page).words
    assert f"Free answer, before any training: {facts.free_answer.sentence(facts.source_names)}." in words
    assert all(name in words for name in facts.untrained)
    assert ("Not trained alone: " in words) == bool(facts.untrained)


@pytest.mark.parametrize("state", [PREPARED, SEARCHING, HOSTILE])
def test_what_was_not_used_of_a_set_stands_on_the_page_and_in_the_status(page_of, state):
    facts, page = page_of(state)
    ((name, note),) = facts.passed_over
    assert f"{name}: {note}." in Reader(page).words
    assert f"  files     {name}: {note}" in status_text(facts).splitlines()
    assert status_of(facts)["passed_over"] == [{"set": name, "note": note}]


def test_the_verdict_is_the_answer_alone_and_how_it_was_judged_stands_below(facts_of):
    facts = facts_of(12, state="finished")
    kept = replace(facts.confirmation, answer=NO_PRETRAINING, reasons=("The answer is none.",), judged_by="9 labels")
    answered = replace(facts, confirmation=kept)
    assert verdict(answered) == " ".join(kept.conclusion())
    assert verdict(answered).startswith("The answer is none. It ")
    assert remarks(answered)[:2] == ("No test labels: judged by 9 labels.", kept.summary())


def test_what_searching_added_stands_below_the_verdict(page_of):
    facts, page = page_of(FINISHED)
    assert facts.confirmation.remarks()
    assert all(remark in Reader(page).words for remark in facts.confirmation.remarks())


def test_licenses_that_bind_the_best_mixture_are_named_and_those_of_sources_without_weight_are_not(page_of):
    facts, page = page_of(MANY)
    best = facts.best
    inside = [source for source, weight in zip(facts.sources, best.weights, strict=True) if weight > 0]
    assert used_sources(facts) == inside
    warnings = license_warnings((source.name, source.license) for source in inside)
    assert warnings
    assert all(f"Best mixture: {warning}" in Reader(page).words for warning in warnings)


def test_licenses_of_all_sources_are_not_said_to_be_those_of_the_best_mixture(facts_of):
    """Where another row is the answer, all sources may have made it."""
    facts = facts_of(12, state="finished")
    answered = replace(facts, confirmation=replace(facts.confirmation, answer=NO_PRETRAINING))
    assert "Best mixture: " in Reader(render(facts, ())).words
    words = Reader(render(answered, ())).words
    assert "Best mixture: " not in words
    assert all(warning in words for warning in license_warnings((one.name, one.license) for one in facts.sources))


def test_the_page_and_its_figures_are_written(page_of, tmp_path):
    facts, rendered = page_of(FINISHED)
    page = write_page(facts, tmp_path / "reports" / "quickstart")
    assert page == tmp_path / "reports" / "quickstart" / "index.html"
    assert page.read_text(encoding="utf-8") == rendered
    names = sorted(path.name for path in (page.parent / "figures").iterdir())
    expected = ("confirmation", "history", "proxy", "simplex", "time", "walk", "weights", "worth")
    assert names == [f"{name}.png" for name in expected]


def test_a_folder_in_the_place_of_the_page_is_refused(facts_of, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(InvalidOptionError, match=r"index\.html is not a report of geosearch; name another folder"):
        write_page(facts_of(**EMPTY), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["index.html"]


def test_a_page_of_somebody_else_is_not_written_over(facts_of, tmp_path):
    write_page(facts_of(**EMPTY), tmp_path)
    write_page(facts_of(**EMPTY), tmp_path)
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(InvalidOptionError, match="not a report of geosearch"):
        write_page(facts_of(**EMPTY), tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"


def test_failed_trials_are_listed_with_their_reasons(page_of):
    facts, page = page_of(FINISHED)
    assert any(trial.state == "failed" for trial in facts.trials)
    assert "loss is NaN" in page
    assert "Failed trials" not in page_of(EMPTY)[1]


def test_a_figure_that_a_new_study_does_not_have_goes_away_and_foreign_files_stay(facts_of, tmp_path):
    write_page(facts_of(**PREPARED), tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["simplex.png", "time.png", "walk.png"]
    (tmp_path / "notes.txt").write_text("mine")
    write_page(facts_of(**EMPTY), tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["simplex.png"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("written", [0, 1])
def test_a_full_disk_leaves_the_earlier_report(facts_of, tmp_path, monkeypatch, written):
    page = write_page(facts_of(**PREPARED), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    real, calls = Path.open, []

    def opened(path, mode="r", *args, **kwargs):
        calls.extend([mode] * ("x" in mode))
        if "x" in mode and len(calls) > written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StorageError, match="free some space"):
        write_page(facts_of(**EMPTY), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert page.exists()


def test_every_row_says_what_it_has_and_where_that_is_not_what_the_best_mixture_has(facts_of):
    facts = facts_of(state="finished")
    counts = {"networks": dict.fromkeys(facts.confirmation.adaptations, 1)}
    rows = [replace(row, **counts) for row in facts.confirmation.rows]
    taught = replace(rows[-1], name="taught", networks=dict.fromkeys(facts.confirmation.adaptations, 5))
    counted = replace(facts, confirmation=replace(facts.confirmation, rows=(*rows, taught)))
    lines = {line.name: line.resources for line in confirmation_tables(counted.confirmation)[0].lines}
    assert lines.pop("taught") == "5 networks against 1"
    assert set(lines.values()) == {"1 network"}
    assert "5 networks against 1" in render(counted, ())
    text = status_text(counted)
    assert "networks" in text
    assert next(line for line in text.splitlines() if line.startswith("taught")).endswith("5*")
    assert "not those of the best mixture" in text
    facts_of_rows = {row["name"]: row["networks"] for row in status_of(counted)["rows"]}
    assert facts_of_rows["taught"] == dict.fromkeys(facts.confirmation.adaptations, 5)
    assert "networks" not in status_text(facts).split("\n\n")[1]


def test_page_and_status_say_how_the_adaptations_were_tuned(facts_of):
    facts = facts_of(state="finished")
    told = "fine-tune, tuned with 8 trainings for each kind of start: pretrained 640 steps at 0.003"
    chosen = "adaptation: self-train-ridge, chosen by cross-validation on the labels (self-train-ridge 3.0 %)"
    tuned = replace(facts, confirmation=replace(facts.confirmation, tuning=(chosen, told)))
    page = render(tuned, ())
    for line in (told, chosen):
        assert page.count(f"{line}.") == 1
        assert f"({line})" in status_text(tuned)
    assert page.index(told) < page.index(chosen)  # which is not of one table, so it stands below all
    assert "tuned with" not in render(facts, ()) + status_text(facts)


def test_the_table_of_the_status_gives_an_adaptation_of_a_long_name_a_column_of_its_own(facts_of):
    facts = facts_of(state="finished")
    known = facts.confirmation
    renamed = tuple(
        replace(
            row, top1_errors={"ridge": row.top1_errors["ridge"], "self-train-ridge-long": row.top1_errors["fine-tune"]}
        )
        for row in known.rows
    )
    lines = status_text(replace(facts, confirmation=replace(known, rows=renamed))).splitlines()
    start = next(number for number, line in enumerate(lines) if "self-train-ridge-long" in line)
    assert lines[start].split()[-2:] == ["ridge", "self-train-ridge-long"]
    assert len({line.index("±", line.index("±") + 1) for line in lines[start + 1 : start + 4]}) == 1


def test_balanced_errors_have_intervals_and_it_is_said_which_error_is_right_when(facts_of):
    facts = facts_of(state="finished")
    names = facts.confirmation.adaptations
    rows = tuple(
        replace(
            row,
            balanced_errors={name: tuple(np.array(row.top1_errors[name]) + 0.1) for name in names},
            balanced_half_widths=dict.fromkeys(names, 0.0432),
        )
        for row in facts.confirmation.rows
    )
    uneven = replace(facts, confirmation=replace(facts.confirmation, rows=rows))
    assert all(line.balanced.endswith("± 4.3") for line in confirmation_tables(uneven.confirmation)[0].lines)
    assert " ± 4.3 " in render(uneven, ()) or " ± 4.3<" in render(uneven, ())
    assert status_text(uneven).count("± 4.3") >= len(rows)
    assert status_of(uneven)["rows"][0]["balanced_half_widths"] == dict.fromkeys(names, 0.0432)
    judged = replace(uneven, confirmation=replace(uneven.confirmation, judged_by="24 labels"))
    for text in (render(judged, ()), status_text(judged)):
        assert "lain errors take classes to be as frequent as your labels" in text
    for text in (render(uneven, ()), status_text(uneven)):
        assert "as frequent as your labels" not in text
    old = tuple(replace(row, balanced_half_widths={}) for row in rows)
    assert "nan" not in status_text(replace(uneven, confirmation=replace(uneven.confirmation, rows=old)))
