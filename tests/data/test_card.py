"""The card says where the images come from and what may be done with them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from geosearch.data.card import CardFacts, SourceFacts, license_warnings, render_card
from geosearch.data.writers.npz import NpzWriter

FACTS = CardFacts(
    study="quickstart",
    target="digits",
    origin="trial 37",
    sources=(
        SourceFacts("fonts/mono-upper", 4000, 26, "DejaVu (free)", 71.2),
        SourceFacts("fonts/sans-digits", 4000, 10, "DejaVu (free)", 31.8),
        SourceFacts("fonts/serif-greek", 4000, 24, "CC BY-NC 4.0", 80.4),
    ),
    weights=(0.25, 0.75, 0.0),
    concentration=2.0,
    pairing="transport",
    how="20,000 images from the 1,000 reference images of the target and 400 further ones",
    size=20_000,
    image_shape=(16, 16, 1),
    class_count=60,
    closed_form=22.41,
    held_out_otdd=24.02,
    top1_error=0.082,
    judged="cross-validated on the target's shots",
    verdict="Pretraining on this mixture lowers the test error by 2.1 ± 0.6 points against no pretraining.",
    on_test_part=True,
    mixture_key="0f3a",
    seeds=(("study", 0), ("synthesis", 7)),
    versions=(("geosearch", "0.1.0"), ("torch", "2.15.0")),
    files=NpzWriter().layout,
    command="geosearch synthesize studies/quickstart.toml --best --size 20000 --format npz --out mixtures/q",
)


def test_the_card_says_from_which_target_images_the_set_was_made():
    assert f"- Made of {FACTS.how}." in render_card(FACTS)


def test_the_card_names_sources_by_weight_seeds_versions_and_the_command():
    text = render_card(FACTS)
    rows = [line for line in text.splitlines() if line.startswith("| fonts")]
    assert rows == [
        "| fonts/sans-digits | 0.7500 | 4,000 | 10 | 31.8 | DejaVu (free) |",
        "| fonts/mono-upper | 0.2500 | 4,000 | 26 | 71.2 | DejaVu (free) |",
    ]
    assert "not in this mixture: fonts/serif-greek." in text
    assert "| synthesis | 7 |" in text
    assert "| torch | 2.15.0 |" in text
    assert f"```sh\n{FACTS.command}\n```" in text
    assert "lowers the test error by 2.1 ± 0.6 points" in text
    assert "cross-validated on the target's shots: 8.2%" in text


def test_concentration_and_pairing_are_explained():
    assert "Concentration ∞: every image is mixed with exactly these weights" in render_card(
        replace(FACTS, concentration=math.inf)
    )
    assert "Concentration 0: every image comes from one source" in render_card(replace(FACTS, concentration=0.0))
    assert "Dirichlet distribution around these (concentration 2;" in render_card(FACTS)
    assert "at random (Mixup)" in render_card(replace(FACTS, pairing="random"))


def test_what_was_not_measured_is_said():
    text = render_card(replace(FACTS, held_out_otdd=None, top1_error=None, verdict=None))
    assert text.count("not measured") == 2
    assert "Not confirmed yet" in text


def test_a_verdict_of_labels_is_not_said_to_be_one_of_the_test_part():
    assert "- Confirmed on the test part: Pretraining on" in render_card(FACTS)
    judged = replace(FACTS, on_test_part=False, verdict="No test labels: judged by 7 labels.")
    assert "- Confirmed: No test labels: judged by 7 labels." in render_card(judged)


@pytest.mark.parametrize(("pairing", "way"), [("transport", "by way of the target's images"), ("random", "at random")])
def test_a_table_of_rows_is_not_described_as_images(pairing, way):
    facts = replace(FACTS, size=20, image_shape=(5, 1, 192), files="A table.", listed=True, pairing=pairing)
    text = render_card(facts)
    assert (
        "A table of 20 samples and the source images that each is made of, drawn by geosearch from 2 labelled sources: "
        f"trial 37 of study “quickstart”. The samples are mixtures of source images that were paired {way}; none of "
        "the target's own images is listed."
    ) in text
    assert "\n\nA table.\n\n" in text
    assert "The same versions and seeds give the same rows." in text
    assert "192" not in text
    assert "soft label" not in text.lower()


def test_sources_without_weight_give_no_warning():
    assert "Warning" not in render_card(FACTS)


@pytest.mark.parametrize(
    ("license", "words"),
    [
        ("CC BY-NC 4.0", "commercial use is forbidden"),
        ("Non-commercial use only", "commercial use is forbidden"),
        ("for research purposes only", "commercial use is forbidden"),
        ("CC BY-ND 4.0", "derived works"),
        ("CC BY-SA 3.0", "same license"),
        ("unknown", "not known for a"),
        ("", "not known for a"),
    ],
)
def test_licenses_that_bind_are_named(license, words):
    warnings = license_warnings([("a", license), ("b", license)])
    assert len(warnings) == 1
    assert words in warnings[0]
    assert "b (" in warnings[0]


@pytest.mark.parametrize("license", ["MIT", "CC BY 4.0", "CC0", "public domain", "DejaVu (free)", "BSD-3-Clause"])
def test_free_licenses_are_silent_alone_and_named_when_they_differ(license):
    assert license_warnings([("a", license), ("b", license)]) == ()
    (warning,) = license_warnings([("a", license), ("b", "Apache-2.0")])
    assert license in warning
    assert "differ" in warning


def test_names_cannot_break_out_of_the_markdown():
    nasty = SourceFacts("<script>|alert`1`\n# h", 10, 2, "MIT | *x*", 1.0)
    text = render_card(replace(FACTS, sources=(nasty,), weights=(1.0,), command="echo '```'\n"))
    assert "| \\<script\\>\\|alert\\`1\\` \\# h | 1.0000 | 10 | 2 | 1 | MIT \\| \\*x\\* |" in text
    assert "\n````sh\necho '```'" in text


def test_pseudo_labels_are_named_as_such_for_the_sources_in_the_mixture() -> None:
    used, unused = (
        replace(source, labelled_by="k-means, 10 labels") for source in (FACTS.sources[0], FACTS.sources[2])
    )
    text = render_card(replace(FACTS, sources=(used, FACTS.sources[1], unused)))
    assert text.count("are pseudo-labels: k-means, 10 labels.") == 1
    assert "pseudo-labels" not in render_card(FACTS)


def test_what_was_not_read_is_said() -> None:
    text = render_card(
        replace(FACTS, passed_over=(("imagefolder:pets", "2 of 40 files passed over: 2 empty (a.png)"),))
    )
    assert "- imagefolder:pets: 2 of 40 files passed over: 2 empty (a.png)." in text
    assert "passed over" not in render_card(FACTS)


def test_views_are_not_counted_as_images():
    facts = SourceFacts("aerial", 1680, 30, "unknown", 71.2).with_views(1)
    assert (facts.images, facts.views) == (840, 1)
    card = render_card(replace(FACTS, sources=(facts,), weights=(1.0,)))
    assert "| aerial | 1.0000 | 840 in 2 views | 30 |" in card
    assert SourceFacts("aerial", 840, 30, "unknown", 71.2).with_views(0).count == "840"
