"""A kept confirmation answers the same request again, and counts itself among the past ones of the next."""

from __future__ import annotations

from dataclasses import replace

from geosearch.confirmation.background import Background, PastConfirmation
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.record import ConfirmationRecord
from geosearch.search.study_record import StudyRecord
from geosearch.search.trial_record import NO_TRIAL


def test_a_confirmation_is_one_of_the_past_ones_of_the_next():
    first = ConfirmationRecord(NO_TRIAL, seeds=3, result=Confirmation((), "ridge", (1, 2, 3), 100))
    assert first.past == (PastConfirmation("free answer", seeds=3, rows=0),)
    background = Background(past=first.past)
    second = ConfirmationRecord(7, seeds=5, result=Confirmation((), "ridge", (1,) * 5, 100, background=background))
    assert second.past == (*first.past, PastConfirmation("trial 7", seeds=5, rows=0))
    assert ConfirmationRecord(7, seeds=5).past == ()


def test_the_past_does_not_change_what_a_confirmation_answers():
    background = Background(past=(PastConfirmation("trial 1", 3, 9),))
    kept = ConfirmationRecord(7, seeds=3, result=Confirmation((), "ridge", (1, 2, 3), 100, background=background))
    assert kept.answers(ConfirmationRecord(7, seeds=3))
    union = replace(kept, union_stages=4, union_interpolation=0.5)
    assert union.answers(ConfirmationRecord(7, seeds=3, union_stages=4)), "its coefficient is no part of the question"
    assert not union.answers(ConfirmationRecord(7, seeds=3))
    assert not replace(union, union_interpolation=None).answers(ConfirmationRecord(7, seeds=3, union_stages=4))
    assert not kept.answers(replace(kept, seeds=4, result=None))
    assert ConfirmationRecord.of(StudyRecord(confirmation=kept.to_json())) == kept
