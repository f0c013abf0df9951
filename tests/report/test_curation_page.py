"""The page of a detection stands alone and shows what was found, whatever the names."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from generators.sets import blobs

from geosearch.curation.detection import Detection
from geosearch.report.curation_page import render_curation_page


def found(n=12):
    derivative = np.linspace(1, -1, n)
    given = np.arange(n) % 2
    return Detection(derivative, given, np.where(np.arange(n) < 3, 1 - given, given), np.ones(n))


def test_it_shows_suspects_with_both_labels_and_refers_to_nothing_outside():
    data = replace(blobs("mine", 2, 6), classes=("<b>cat</b>", "dog"))
    page = render_curation_page(data, found(), target=None)
    assert "3 of 12 samples (25.0 %) look mislabelled" in page
    assert page.count("<img ") == 6  # three that look mislabelled, three that only do harm
    assert page.count("data:image/png;base64,") == 6
    assert not re.search(r"(src|href)=\"(?!data:)|https?://", page)
    assert "<b>cat</b>" not in page
    assert "&lt;b&gt;cat&lt;/b&gt;" in page


def test_a_set_without_suspects_says_so():
    clean = found()
    clean = replace(clean, derivative=-np.ones(12))
    page = render_curation_page(blobs("mine", 2, 6), clean, target="core")
    assert "0 of 12 samples (0.0 %) look mislabelled" in page
    assert "on core" in page
    assert "<img " not in page
