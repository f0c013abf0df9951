"""What an event says."""

from __future__ import annotations

import logging

from geosearch.runtime.events import FilesPassedOver, ImagesPassedOver


def test_what_may_be_missed_is_a_warning_and_the_rest_is_not():
    quiet = FilesPassedOver("imagefolder:a", "train", "1 of 9 files passed over: 1 hidden (.git/)")
    loud = ImagesPassedOver("imagefolder:a", "test", "1 of 9 files passed over: 1 empty (x.png)")
    assert (quiet.level, loud.level) == (logging.INFO, logging.WARNING)
    assert str(quiet) == "imagefolder:a: 1 of 9 files passed over: 1 hidden (.git/)"
    assert str(loud).startswith("imagefolder:a, test part: 1 of 9")
    assert loud.to_json()["event"] == quiet.to_json()["event"] == "passed_over"
