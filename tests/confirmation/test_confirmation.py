"""The verdict: what it compares the best mixture with, and what else it has to say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from geosearch.confirmation.background import Background, PastConfirmation
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST, NO_PRETRAINING, Row, RowKind
from geosearch.mixture.baselines import CLOUD
from geosearch.runtime.json_records import from_json, to_json


def row(name, errors, kind=RowKind.BASELINE, label=""):
    return Row(name, {"ridge": tuple(errors)}, 1.0, kind, label)


@pytest.fixture
def confirmation():
    noise = np.array([0.0, 0.01, 0.02, 0.005, 0.015])
    rows = (
        row(BEST, 0.10 + noise, RowKind.BEST),
        row("single: usps", 0.101 + noise[::-1], RowKind.SINGLE_SOURCE, "usps"),
        row("single: fashion", 0.30 + noise, RowKind.SINGLE_SOURCE, "fashion"),
        row("pooled union", 0.08 + noise),
        row(NO_PRETRAINING, 0.15 + noise + np.array([0, 0.001, 0, 0.001, 0]), RowKind.NO_PRETRAINING),
    )
    return Confirmation(rows, "ridge", (1, 2, 3, 4, 5), 1000)


def test_the_verdict_names_the_best_single_source_and_the_strongest_other_row(confirmation):
    assert confirmation.verdict() == (
        "Pretraining on the best mixture lowers the test error by 5.0 ± 0.1 points against no pretraining; "
        "ties with the best single source, usps (−0.1 ± 1.4 points); "
        "raises the test error by 2.0 ± 0.0 points against the strongest other baseline, pooled union."
    )


def test_a_row_may_lack_an_adaptation(confirmation):
    *others, last = confirmation.rows
    tuned = replace(last, top1_errors={"ridge": last.top1_errors["ridge"], "fine-tune": (0.2,) * 5})
    found = replace(confirmation, rows=(*others, tuned))
    assert found.adaptations == ("ridge", "fine-tune")
    assert [row.name for row in found.ranked("fine-tune")] == [NO_PRETRAINING]
    assert found.verdict() == confirmation.verdict()


def test_a_best_mixture_that_is_a_baseline_is_called_so(confirmation):
    single = replace(confirmation, equal="single: usps").verdict()
    assert single.startswith("The best mixture is a single source, usps; pretraining on it lowers")
    assert "ties with" not in single
    union = replace(confirmation, equal="pooled union").verdict()
    assert union.startswith("The best mixture is a baseline, pooled union; pretraining on it lowers")
    assert "the best single source, usps" in union
    assert "other baseline, pooled union" not in union


def test_a_best_mixture_that_is_several_baselines_is_compared_with_none_of_them(confirmation):
    """A projection on a single source is that source, and its own cloud."""
    best, usps, *others = confirmation.rows
    twins = [replace(usps, top1_errors=best.top1_errors), row(CLOUD, best.top1_errors["ridge"])]
    searched = Background(searched=True)
    found = replace(confirmation, rows=(best, *twins, *others), equal="single: usps", background=searched)
    verdict = found.verdict()
    assert "single source, usps; pretraining on it" in verdict
    assert "against the best other single source, fashion" in verdict
    assert "Searching added nothing: the best mixture is the projection's cloud" in verdict


@pytest.mark.parametrize(
    ("cloud", "said"),
    [
        (0.13, "Searching lowers the test error by 3.0 ± 0.0 points against the projection's cloud, which needs no"),
        (0.09, "Searching raises the test error by 1.0 ± 0.0 points against the projection's cloud, which needs no"),
        (None, "Searching added nothing: the best mixture is the projection's cloud, which needs no search."),
    ],
)
@pytest.mark.parametrize("name", ["hull projection, cloud", "hull projection, cloud, within limits"])
def test_the_verdict_always_says_what_searching_added(confirmation, cloud, said, name):
    best = np.array(confirmation.row(BEST).top1_errors["ridge"])
    errors, equal = (best, name) if cloud is None else (best - 0.10 + cloud, None)
    assert said in replace(confirmation, rows=(*confirmation.rows, row(name, errors)), equal=equal).verdict()


def test_equal_errors_do_not_make_a_mixture_the_cloud(confirmation):
    """Few labels give equal errors by chance, and networks at the pretrained weights are all equal."""
    cloud = row("hull projection, cloud", np.array(confirmation.row(BEST).top1_errors["ridge"]))
    verdict = replace(confirmation, rows=(*confirmation.rows, cloud)).verdict()
    assert "the best mixture is the projection's cloud" not in verdict
    assert "ties with the projection's cloud, which needs no search (0.0 ± 0.0 points)" in verdict


def test_a_search_that_ties_with_the_free_answer_is_said_to_have_added_nothing(confirmation):
    cloud = row("hull projection, cloud", confirmation.row("single: usps").top1_errors["ridge"])
    verdict = replace(confirmation, rows=(*confirmation.rows, cloud)).verdict()
    assert verdict.endswith(
        "Searching added nothing that this test can show: the best mixture ties with the projection's cloud, which "
        "needs no search (−0.1 ± 1.4 points)."
    )
    first = [replace(one, top1_errors={"ridge": one.top1_errors["ridge"][:1]}) for one in (*confirmation.rows, cloud)]
    alone = Confirmation(tuple(first), "ridge", (1,), 1000).verdict()
    assert "One seed cannot tell what searching added (−1.6 points against the projection's cloud" in alone


def test_the_cloud_is_compared_once_even_where_it_is_the_strongest_baseline(confirmation):
    cloud = row("hull projection, cloud", np.array(confirmation.row("pooled union").top1_errors["ridge"]) - 0.01)
    verdict = replace(confirmation, rows=(*confirmation.rows, cloud)).verdict()
    assert verdict.count("cloud") == 1
    assert "strongest other baseline" not in verdict


def test_without_a_search_the_verdict_is_about_the_free_answer(confirmation):
    cloud = replace(confirmation.row(BEST), name="hull projection, cloud", kind=RowKind.BASELINE)
    rows = (*confirmation.rows, cloud)
    background = Background(sources=40, searched=False)
    verdict = replace(confirmation, rows=rows, equal=cloud.name, background=background).verdict()
    assert verdict.startswith("Pretraining on the projection's cloud, without a search, lowers the test error by 5.0")
    assert "Searching" not in verdict
    assert "40" not in verdict


def test_the_verdict_says_what_was_not_trained_and_how_often_the_test_part_was_used(confirmation):
    past = (PastConfirmation("trial 7", seeds=3, rows=9), PastConfirmation("trial 9", seeds=5, rows=9))
    seen = replace(confirmation, background=Background(sources=40, trained=5, past=past))
    assert seen.verdict() == (
        f"{confirmation.summary()} Of 40 single sources, the 5 nearest were trained. This is confirmation 3 on the "
        "same test part (before: trial 7 with 3 seeds, trial 9 with 5 seeds); an interval holds for one "
        "confirmation, not for the best of several."
    )
    raised = replace(seen, background=Background(past=past[:1])).verdict()
    assert raised.endswith("confirm.seeds was raised from 3 to 5 after test errors had been seen.")
    in_folds = replace(seen, background=Background(past=past[:1]), judged_by="40 of 40 labels in 5 folds").verdict()
    assert "This is confirmation 2 on the same labels (before:" in in_folds
    assert in_folds.endswith("confirm.repeats was raised from 3 to 5 after their errors had been seen.")
    assert "test part" not in in_folds
    assert from_json(Confirmation, json.loads(json.dumps(to_json(Confirmation, seen)))) == seen


def test_it_survives_json(confirmation):
    assert from_json(Confirmation, json.loads(json.dumps(to_json(Confirmation, confirmation)))) == confirmation


def test_a_variant_is_a_candidate_of_its_own_and_no_baseline(confirmation):
    errors = np.array(confirmation.row(BEST).top1_errors["ridge"]) - 0.03
    curated = row("best mixture, curated", errors, RowKind.VARIANT, "curated")
    found = Confirmation((*confirmation.rows, curated), "ridge", confirmation.seeds, 1000)
    assert "strongest other baseline, pooled union" in found.verdict()
    assert "raises the test error by 3.0 ± 0.0 points against the same mixture, curated" in found.verdict()


def counted(one: Row, networks: int, unlabelled: int) -> Row:
    return replace(one, networks={"ridge": networks}, unlabelled_images={"ridge": unlabelled})


def test_the_verdict_says_once_that_other_rows_saw_fewer_images():
    best = counted(row(BEST, [0.1, 0.2], RowKind.BEST), 1, 1400)
    alone = counted(row(NO_PRETRAINING, [0.2, 0.3], RowKind.NO_PRETRAINING), 1, 0)
    taught = counted(row("pooled union", [0.2, 0.2]), 5, 1400)
    found = Confirmation((best, alone, taught), "ridge", (1, 2), 1000)
    assert "points against no pretraining; " in found.verdict()
    assert "pooled union (5 networks against 1; " in found.verdict()
    assert found.remarks() == ("1 other row has seen fewer unlabelled images than the 1,400 of the best mixture.",)


def test_what_the_answer_has_more_or_less_of_is_said_with_its_own_numbers_first():
    best = counted(row(BEST, [0.1, 0.2], RowKind.BEST), 1, 1400)
    alone = counted(row(NO_PRETRAINING, [0.2, 0.3], RowKind.NO_PRETRAINING), 1, 0)
    answer = counted(row("all sources", [0.2, 0.2], RowKind.UNION), 2, 0)
    said = Confirmation((best, alone, answer), "ridge", (1, 2), 1000, answer="all sources").verdict()
    assert "no pretraining (2 networks against 1; " in said
    assert "the best mixture (2 networks against 1, 0 unlabelled images against 1,400; " in said


def test_the_verdict_names_the_strongest_control_that_is_no_other_row(confirmation):
    same = replace(confirmation.row("single: usps"), name="single by the objective: usps", kind=RowKind.CONTROL)
    control = row("committee-taught pooled union", np.linspace(0.2, 0.3, 5), RowKind.CONTROL)
    verdict = replace(confirmation, rows=(*confirmation.rows, same, control)).verdict()
    assert "the strongest control, committee-taught pooled union" in verdict
    assert "single by the objective" not in verdict
