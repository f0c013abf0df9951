"""Every rule decides by what was seen, with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geosearch.config.study_config import StudyFile
from geosearch.data.duplicates import PixelIndex
from geosearch.draft.appearance import Appearance
from geosearch.draft.encoder import MEASURED, Encoder
from geosearch.draft.findings import Findings
from geosearch.draft.look import Look
from geosearch.draft.rules import RULES

PHOTO = Look(
    "imagefolder:mine", "mine", 40, 0, (("bolt", 20), ("nut", 20)), side=300, aspect=1.2, in_color=True,
    appearance=Appearance.PHOTOGRAPHS, because="seen", light_ground=None, margin=0.0, lines=(),
    pixels=PixelIndex(np.zeros(0, np.uint64)),
)  # fmt: skip
GLYPH = replace(PHOTO, side=28, aspect=1.0, in_color=False, appearance=Appearance.GLYPHS, light_ground=False)


def decided(target: Look, *sources: Look) -> dict[str, object]:
    found = Findings(target, None, None, sources or (PHOTO, PHOTO))
    chosen = {rule.key: rule.choose(found) for rule in RULES}
    assert all(reason for choice in chosen.values() if choice for reason in choice[1:])
    return {key: choice[0] for key, choice in chosen.items() if choice}


def test_every_rule_is_about_a_key_that_there_is():
    for rule in RULES:
        section, key = rule.key.split(".")
        kind = StudyFile.model_fields[section].annotation
        assert key in {*kind.model_fields, *kind.option_settings()}, rule.key
        assert rule.choose.__name__ == f"choose_{key}"


def test_photographs_are_mirrored_and_keep_their_colors():
    found = decided(PHOTO)
    assert (found["recipe.flip"], found["recipe.recolour"]) == (True, 0.0)
    assert (found["domain.size"], found["domain.channels"]) == (64, 3)


@pytest.mark.parametrize(
    "target",
    [
        GLYPH,
        replace(GLYPH, appearance=Appearance.SHAPES),
        replace(PHOTO, classes=(("7", 9), ("8", 9))),
    ],
    ids=["glyphs", "shapes", "photographs of characters"],
)
def test_what_may_be_characters_is_not_mirrored(target):
    found = decided(target)
    assert found["recipe.flip"] is False
    assert "recipe.recolour" not in found


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (GLYPH, 28),
        (replace(GLYPH, side=200), 28),
        (replace(GLYPH, side=8), 16),
        (replace(GLYPH, side=20), 20),
        (replace(PHOTO, side=40), 40),
        (replace(PHOTO, side=12, aspect=4.0), 48),
    ],
)
def test_images_are_as_large_as_helps(target, size):
    assert decided(target)["domain.size"] == size


def test_long_images_are_padded():
    assert "domain.fit" not in decided(PHOTO)
    assert decided(replace(PHOTO, aspect=10.0))["domain.fit"] == "pad"


def test_margins_and_grounds_are_matched_where_they_differ():
    assert not {"domain.margin", "domain.polarity"} & decided(replace(GLYPH, margin=0.1), GLYPH, PHOTO).keys() - {
        "domain.margin"
    }
    assert decided(replace(GLYPH, margin=0.14), GLYPH, PHOTO)["domain.margin"] == "match"
    assert decided(GLYPH, replace(GLYPH, light_ground=True), GLYPH)["domain.polarity"] == "light-on-dark"


def test_uneven_labels_are_not_balanced():
    assert "domain.balance" not in decided(PHOTO)
    assert decided(replace(PHOTO, classes=(("bolt", 20), ("nut", 3))))["domain.balance"] == 0.0


def test_a_loss_for_uneven_labels_is_only_mentioned():
    uneven = decided(replace(PHOTO, classes=(("bolt", 20), ("nut", 3))))
    assert "recipe.loss" in uneven
    assert uneven["recipe.loss"] is None
    assert "recipe.loss" not in decided(PHOTO)


def test_sources_without_labels_get_pseudo_labels():
    bare = replace(PHOTO, classes=())
    assert "domain.pseudo_labeller" not in decided(PHOTO)
    assert decided(PHOTO, bare, PHOTO)["domain.pseudo_labeller"] == "g2l"
    assert decided(PHOTO, bare, bare)["domain.pseudo_labeller"] == "clusters"


def test_many_labels_judge_themselves():
    assert decided(PHOTO)["search.objective"] == "shots"
    assert "search.objective" not in decided(replace(PHOTO, classes=(("bolt", 20), ("nut", 19))))


def test_with_a_pretrained_network_labels_judge_where_one_can_be_left_out():
    (rule,) = (rule for rule in RULES if rule.key == "search.objective")
    encoder = Encoder(MEASURED, "pretrained", "")
    for counts, objective in (((20, 20), None), ((2, 1), None), ((1, 1), "episodes")):
        target = replace(PHOTO, classes=tuple(zip(("bolt", "nut"), counts, strict=True)))
        chosen = rule.choose(Findings(target, None, None, (PHOTO, PHOTO), encoder))
        assert (chosen and chosen[0]) == objective


def test_more_stages_on_all_sources_are_proposed_for_the_network_that_they_were_measured_with():
    found = Findings(PHOTO, None, None, (PHOTO, PHOTO))
    (rule,) = (rule for rule in RULES if rule.key == "recipe.union_stages")
    assert rule.choose(replace(found, encoder=Encoder(MEASURED, "pretrained", "")))[0] == 4
    assert rule.choose(replace(found, encoder=Encoder("torchvision:resnet18", "pretrained", ""))) is None
    assert rule.choose(found) is None
