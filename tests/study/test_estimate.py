"""Advice of `geosearch check`: it warns of studies whose answer is known beforehand to be within its noise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from generators.image_folders import write_classes
from generators.studies import encoded_file, tiny, write_toml

from geosearch.errors import GeosearchError
from geosearch.study.estimate import MANY_SHOTS, _image_bytes, check

POOLED = "the pooled union will most likely do as well"


def advice(folder, **changes):
    return " ".join(check(write_toml(folder / "study.toml", tiny(folder, **changes))).advice)


@pytest.mark.parametrize("adaptation", ["fine-tune", "rehearse", "self-train"])
def test_many_shots_and_a_whole_network_trained_on_them_need_no_search(tmp_path, monkeypatch, adaptation):
    monkeypatch.setattr("geosearch.study.estimate.MANY_SHOTS", 3)
    assert POOLED in advice(tmp_path, recipe_adaptation=adaptation, domain_shots=3)


@pytest.mark.parametrize("fast", [True, False])
def test_a_machine_that_only_emulates_bfloat16_is_named(tmp_path, monkeypatch, fast):
    monkeypatch.setattr("geosearch.study.estimate.has_bfloat16", lambda device_type: fast)
    assert "no instructions for bfloat16" not in advice(tmp_path)
    assert ("no instructions for bfloat16" in advice(tmp_path, recipe_precision="bfloat16")) != fast


def test_fewer_shots_get_the_milder_note(tmp_path):
    found = advice(tmp_path, recipe_adaptation="fine-tune", domain_shots=MANY_SHOTS - 17)
    assert POOLED not in found
    assert "matters less than with frozen features" in found


def test_self_training_and_its_teachers_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("geosearch.study.pace.measure_pace", lambda *_, **__: SimpleNamespace(step_seconds=1.0))
    monkeypatch.setattr("geosearch.study.estimate.fitting_seconds", lambda *_: 0.0)

    def seconds(**changes):
        return check(write_toml(tmp_path / "study.toml", tiny(tmp_path, **changes))).wall_seconds

    nearest, refined, ensemble = (seconds(domain_pseudo_labels=one) for one in ("nearest", "refined", "ensemble"))
    assert nearest < refined < ensemble
    alone = seconds(recipe_adaptation="self-train")
    assert seconds() < alone < seconds(recipe_adaptation="self-train", confirm_variants=["ensemble-teacher"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain_shots": 41}, "fewer than 41 shots"),
        ({"search_evaluations": 4}, "set it to 12 or more"),
    ],
)
def test_what_a_search_would_refuse_is_refused(tmp_path, changes, said):
    with pytest.raises(GeosearchError, match=said):
        advice(tmp_path, **changes)


def test_a_study_without_a_search_is_said_to_be_one_and_costs_less(tmp_path):
    assert "no search: the projection's cloud is confirmed" in advice(tmp_path, search_evaluations=0)
    assert "4 of the 10 evaluations are baselines" in advice(tmp_path)
    free, searched = (
        check(write_toml(tmp_path / "study.toml", tiny(tmp_path, search_evaluations=count))).wall_seconds
        for count in (0, 1000)
    )
    assert free < searched


def test_frozen_features_get_neither(tmp_path):
    assert "matters less" not in advice(tmp_path, recipe_adaptation="ridge", domain_shots=3)


def test_colour_images_get_a_word_on_recolouring_unless_the_file_speaks_of_it(tmp_path):
    said = "on photographs set recipe.recolour = 0"
    assert said in advice(tmp_path, domain_channels=3)
    assert said not in advice(tmp_path, domain_channels=3, recipe_recolour=1.0)
    assert said not in advice(tmp_path)


def test_what_a_reader_passed_over_is_said(tmp_path):
    study = tiny(tmp_path)
    source = write_classes(tmp_path / "pets")
    (tmp_path / "pets" / "box" / "004.png").write_bytes(b"<html>")
    study["domain"]["sources"].append(source)
    found = check(write_toml(tmp_path / "study.toml", study))
    assert f"  files     {source}: 1 of 60 files passed over: 1 damaged (box/004.png (an HTML page))" in found.text()
    assert found.as_dict()["reports"][-1]["passed_over"] == {"damaged": 1}
    assert found.text().count("  files ") == 1


def test_controls_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("geosearch.study.pace.measure_pace", lambda *_, **__: SimpleNamespace(step_seconds=1.0))

    def seconds(labels: str, *controls: str) -> float:
        study = tiny(tmp_path, confirm_controls=list(controls), domain_pseudo_labels=labels)
        return check(write_toml(tmp_path / "tiny.toml", study)).wall_seconds

    row = seconds("ensemble", "retrieval") - seconds("ensemble")
    assert row > 0
    assert seconds("ensemble", "retrieval", "fixmatch") - seconds("ensemble") > 3 * row
    # two mixtures and two single sources, which the ensemble has trained already
    extra = (
        seconds("nearest", "committee") - seconds("nearest") - seconds("ensemble", "committee") + seconds("ensemble")
    )
    assert extra == pytest.approx(4 * 8)
    assert seconds("ensemble", "few-shots") - seconds("ensemble") > row


def test_activations_of_more_stages_take_more_memory(tmp_path):
    network = {"recipe_network": "torchvision:shufflenet_v2_x0_5"}
    last, two = (_image_bytes(encoded_file(tmp_path, recipe_trainable=stages, **network)) for stages in ("last", 2))
    assert last == 2 * 16 * 16 * 3, "an image and a copy of it; its activations (96, 2, 2) take less"
    assert two == 3 * 48 * 4 * 4, "codes and float16 of the activations"
