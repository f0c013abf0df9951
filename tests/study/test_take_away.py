"""What a study hands over predicts what its confirmation predicted."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generators.pretrained import lite0_weights
from generators.studies import OWN_COUNTS, encoded_file, own_file, tiny_file
from PIL import Image

import geosearch
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST, NO_PRETRAINING, Row, RowKind
from geosearch.data.loaders.registry import load
from geosearch.errors import InvalidOptionError, OutputExistsError
from geosearch.mixture.baselines import CLOUD, POOLED, PROJECTION
from geosearch.model.card import render_model_card
from geosearch.model.files import dump_model, write_model
from geosearch.model.module import on_images
from geosearch.model.prediction_file import predict_images
from geosearch.model.trained_model import read_out
from geosearch.runtime.cache import Cache
from geosearch.study import take_away
from geosearch.study.build_search import build_search
from geosearch.study.folds import BEST_SINGLE
from geosearch.study.study import Study
from geosearch.study.take_away import TakeAway, choose_row


@pytest.fixture(scope="module")
def study(tmp_path_factory, shared_cache) -> Study:
    folder = tmp_path_factory.mktemp("taken")
    file = tiny_file(folder, recipe_adaptation="self-train", recipe_unlabelled=30)
    opened = Study.open(file, storage=f"sqlite:///{folder / 'tiny.db'}", cache=shared_cache)
    opened.run()
    return opened


def confirmed(study: Study, row: str, adaptation: str) -> np.ndarray:
    """Test classes that the confirmation predicted with its first seed."""
    job = build_search(study.file, study.prepared, study.store, study.cache, study.progress)
    confirmer, rows = study._confirmation(job).training()
    candidate = next(one.candidate for one in rows if one.name == row)
    return confirmer.predictions(candidate, study.confirmation.seeds[0])[0][adaptation]


@pytest.mark.parametrize("adaptation", ["ridge", "fine-tune", "self-train"])
@pytest.mark.parametrize("row", [BEST, "pooled union", "no pretraining"])
def test_the_model_predicts_what_the_confirmation_predicted(study, row, adaptation, tmp_path):
    model = study.model(row=row, adaptation=adaptation)
    folder = write_model(model, tmp_path / "model")
    again = geosearch.load_model(folder)
    expected = confirmed(study, row, adaptation)
    assert np.array_equal(again.predict(study.prepared.target.test_images).labels, expected)
    assert model.facts.provenance.row == row
    assert model.facts.provenance.unlabelled == (40 if adaptation == "self-train" else 0)
    assert [one.name for one in model.facts.provenance.sources] == {
        BEST: [name for name, weight in zip(study.source_names, study.best.weights, strict=True) if weight > 0],
        "pooled union": ["near", "far"],
        "no pretraining": [],
    }[row]


def test_raw_images_of_the_target_are_prepared_as_the_study_did(study):
    model, target = study.model(), study.prepared.target
    raw = load(study.file.domain.target)
    assert target.test_from_train
    assert np.array_equal(model.facts.preprocessing.apply(raw.images[target.rows["test"]]), target.test_images)


def test_a_model_is_trained_once(study, monkeypatch):
    first = dump_model(study.model(row=BEST))
    monkeypatch.setattr(TakeAway, "_train", lambda *_, **__: pytest.fail("trained again"))
    again = dump_model(study.model(row=BEST))
    assert first[0] == again[0]
    assert all(np.array_equal(first[1][name], again[1][name]) for name in first[1])


def test_the_same_study_gives_the_same_model(study, cache):
    first = dump_model(study.model(row=BEST, adaptation="fine-tune"))
    other = Study.open(study.file, storage=study.store.url, cache=cache)
    assert dump_model(other.model(row=BEST, adaptation="fine-tune"))[1].keys() == first[1].keys()
    again = dump_model(other.model(row=BEST, adaptation="fine-tune"))
    assert all(np.array_equal(first[1][name], again[1][name]) for name in first[1])


def test_the_card_holds_verdict_licenses_and_lines_that_run(study, tmp_path, monkeypatch):
    folder = write_model(study.model(row=BEST), tmp_path / "model")
    card = (folder / "README.md").read_text()
    assert "Verdict of the study: " in card
    assert "license" in card
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```python\n(.*?)```", card, re.S).group(1)
    assert len(lines.strip().splitlines()) == 3
    exec(lines, {"images": np.zeros((2, 20, 20), np.uint8)})
    with pytest.raises(OutputExistsError):
        write_model(study.model(row=BEST), folder)


def test_what_the_confirmation_lacks_is_refused(study, tmp_path):
    with pytest.raises(InvalidOptionError, match="no row 'nonsense'; it has 'best mixture'"):
        study.model(row="nonsense")
    with pytest.raises(InvalidOptionError, match="no adaptation 'nonsense'; it has 'ridge'"):
        study.model(adaptation="nonsense")
    fresh = Study.open(tiny_file(tmp_path), storage=f"sqlite:///{tmp_path / 'tiny.db'}", cache=study.cache)
    with pytest.raises(InvalidOptionError, match="run 'geosearch resume"):
        fresh.model()


def confirmation(**errors: tuple[float, ...]) -> Confirmation:
    kinds = {BEST: RowKind.BEST, "no pretraining": RowKind.NO_PRETRAINING}
    rows = tuple(
        Row(name.replace("_", " "), {"ridge": values, "self-train": values}, 1.0, kinds.get(name, RowKind.BASELINE))
        for name, values in errors.items()
    )
    return Confirmation(rows, "ridge", seeds=(1, 2, 3), test_size=100)


def test_the_best_mixture_is_taken_unless_another_row_is_clearly_better():
    best = (0.20, 0.21, 0.20)
    tie = confirmation(best_mixture=best, pooled_union=(0.19, 0.22, 0.19))
    assert choose_row(tie).row == BEST
    lost = confirmation(best_mixture=best, pooled_union=(0.15, 0.16, 0.15), no_pretraining=(0.10, 0.11, 0.11))
    assert choose_row(lost).row == "no pretraining"
    assert "lower than that of the best mixture by 9.7" in choose_row(lost).why
    assert choose_row(lost, "pooled union").row == "pooled union"


def test_a_row_is_taken_with_the_adaptations_that_it_has():
    found = confirmation(best_mixture=(0.20, 0.21, 0.20), no_pretraining=(0.30, 0.31, 0.30))
    best, last = found.rows
    tuned = replace(last, top1_errors={**last.top1_errors, "fine-tune": (0.1, 0.1, 0.1)})
    found = replace(found, rows=(best, tuned))
    assert choose_row(found).adaptation == "ridge"
    assert choose_row(found, "no pretraining", "fine-tune").adaptation == "fine-tune"
    with pytest.raises(
        InvalidOptionError,
        match=r"'best mixture' was not adapted by fine-tune, but by ridge, self-train; .* that was: 'no pretraining'",
    ):
        choose_row(found, adaptation="fine-tune")
    ended = replace(found, no_gain=("No source pays.",))
    assert choose_row(ended, adaptation="fine-tune").row == "no pretraining"


def test_the_studys_adaptation_is_taken_unless_another_one_is_clearly_better():
    found = confirmation(best_mixture=(0.20, 0.21, 0.20))
    assert choose_row(found).adaptation == "ridge"
    better = {"ridge": (0.20, 0.21, 0.20), "self-train": (0.10, 0.11, 0.11)}
    found = replace(found, test_size=200)
    rows = (replace(found.rows[0], top1_errors=better),)
    assert choose_row(replace(found, rows=rows)).adaptation == "self-train"
    assert choose_row(replace(found, rows=rows), adaptation="ridge").adaptation == "ridge"


def test_an_adaptation_is_not_clearly_better_by_a_single_test_image():
    """A network that no seed changes has equal errors in all trainings."""
    found = confirmation(best_mixture=(0.20, 0.20, 0.20))
    rows = (replace(found.rows[0], top1_errors={"ridge": (0.20,) * 3, "self-train": (0.19,) * 3}),)
    assert choose_row(replace(found, rows=rows)).adaptation == "ridge"


def test_labels_that_judge_choose_no_adaptation():
    found = confirmation(best_mixture=(0.20, 0.21, 0.20))
    better = {"ridge": (0.20, 0.21, 0.20), "self-train": (0.10, 0.11, 0.11)}
    judged = replace(found, rows=(replace(found.rows[0], top1_errors=better),), judged_by="12 labels")
    assert choose_row(judged).adaptation == "ridge"


def test_the_reason_names_the_error_that_was_measured():
    lost = confirmation(best_mixture=(0.20, 0.21, 0.20), no_pretraining=(0.10, 0.11, 0.11))
    assert choose_row(lost).why.startswith("Its test error is lower")
    assert choose_row(replace(lost, judged_by="12 labels")).why.startswith("Its validation error is lower")


@pytest.fixture(scope="module")
def own(tmp_path_factory, shared_cache) -> Study:
    """A study of few uneven labels, without a test part."""
    folder = tmp_path_factory.mktemp("own")
    opened = Study.open(own_file(folder), storage=f"sqlite:///{folder / 'tiny.db'}", cache=shared_cache)
    opened.run()
    return opened


@pytest.mark.parametrize("row", [None, BEST, BEST_SINGLE, POOLED, PROJECTION, CLOUD, NO_PRETRAINING])
def test_every_row_that_labels_judged_can_be_taken_away(own, row, tmp_path):
    model = own.model(row=row)
    again = geosearch.load_model(write_model(model, tmp_path / "model"))
    origin, target = again.facts.provenance, own.prepared.target
    assert len(again.predict(target.reference.images)) == len(target.reference)
    assert row in (None, origin.row)
    assert list(origin.labels.values()) == list(OWN_COUNTS)
    assert again.facts.calibrated_on == sum(count for count in OWN_COUNTS if count > 1)
    used = [one.name for one in origin.sources]
    if row == BEST:
        assert used == [name for name, weight in zip(own.source_names, own.best.weights, strict=True) if weight > 0]
    assert len(used) == {BEST_SINGLE: 1, POOLED: 2, NO_PRETRAINING: 0}.get(row, len(used))


def test_the_best_single_source_is_the_searchs(own):
    errors = {trial.role: trial.error for trial in own.trials if trial.role and trial.role.startswith("single: ")}
    (used,) = own.model(row=BEST_SINGLE).facts.provenance.sources
    assert errors[f"single: {used.name}"] == min(errors.values())


def test_the_card_says_which_labels_judged(own):
    card = render_model_card(own.model(row=BEST).facts, "model")
    assert "test part" not in card
    assert "judged by 12 labels (1 more are the only ones of their class and judge nothing)" in card
    assert "calibrated by cross-fitting on 12 labelled images" in card
    assert "used no unlabelled images of the target (npz:loose.npz)" in card


def test_the_card_gives_the_error_with_its_interval_and_the_balanced_one(own):
    row, confirmation = own.confirmation.row(BEST), own.confirmation
    facts = own.model(row=BEST).facts
    card = render_model_card(facts, "model")
    plain = f"**{100 * row.mean('ridge'):.1f} ± {100 * row.half_width('ridge'):.1f} %**"
    balanced = f"**{100 * row.balanced_mean('ridge'):.1f} ± {100 * row.balanced_half_width('ridge'):.1f} %**"
    assert facts.adaptation["type"] == "ridge"
    assert f"an error of {plain} (balanced, the mean over the classes: {balanced})" in card
    assert "(± is half of 95 % intervals over 12 labels.)" in card
    assert confirmation.interval == "95 % intervals over 12 labels"


def test_the_card_of_a_study_with_a_test_part_says_what_its_interval_is_over(study):
    row, card = (
        study.confirmation.row(BEST),
        render_model_card(study.model(row=BEST, adaptation="ridge").facts, "model"),
    )
    assert f"**{100 * row.mean('ridge'):.1f} ± {100 * row.half_width('ridge'):.1f} %** (balanced" in card
    assert f"(± is half of {study.confirmation.interval}.)" in card
    assert "test images" in study.confirmation.interval


def test_the_card_of_a_model_whose_interval_is_not_known_gives_the_error_alone(own):
    facts = own.model(row=BEST).facts
    old = replace(facts.provenance, half_width=None, balanced_error=None, balanced_half_width=None, interval="")
    card = render_model_card(replace(facts, provenance=old), "model")
    assert f"an error of **{old.label_error:.1%}**, judged by" in card
    assert "±" not in card.partition("Verdict")[0]


def test_a_model_of_one_label_a_class_says_that_nothing_is_calibrated(tmp_path, shared_cache):
    file = own_file(tmp_path, (1, 1, 1, 1), search_objective="episodes", search_evaluations=0)
    one = Study.open(file, storage=f"sqlite:///{tmp_path / 'tiny.db'}", cache=shared_cache)
    one.run()
    facts = one.model().facts
    assert facts.temperature == 1
    card = render_model_card(facts, "model")
    assert "not calibrated" in card
    assert "judged by pseudo-labels" in card


def test_a_model_without_unlabelled_images_says_what_stood_for_them(tmp_path, shared_cache, monkeypatch):
    file = own_file(tmp_path, (5, 3, 4, 2), domain_unlabelled=None, search_evaluations=0)
    few = Study.open(file, storage=f"sqlite:///{tmp_path / 'tiny.db'}", cache=shared_cache)
    few.run()
    seen = []
    fit = take_away.Unlikeness.fit
    monkeypatch.setattr(take_away.Unlikeness, "fit", lambda z, *rest: seen.append(z) or fit(z, *rest))
    assert "augmented copies of the labelled ones stood for them" in render_model_card(few.model().facts, "model")
    (features,) = seen
    assert len(features) == 14, "a copy beside its original would make every other image unlike them"


FINE_TUNED = {"recipe_adaptation": "fine-tune", "confirm_tuning": 0}
PRETRAINED = {  # changes of the study's settings
    "last stage, activations": FINE_TUNED,
    "all, images": {
        "recipe_network": "torchvision:shufflenet_v2_x0_5",
        "recipe_trainable": "all",
        "recipe_views": 0,
        "transport_space": "pixels",
    },
    "last two stages, activations": FINE_TUNED | {"recipe_trainable": 2},
    "EfficientNet-Lite0": FINE_TUNED | {"recipe_network": "timm:tf_efficientnet_lite0", "domain_channels": 3},
}


RARE = ("last two stages, activations", "EfficientNet-Lite0")  # what they join is tested in nn/, too


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name in RARE else ()) for name in PRETRAINED],
)
def pretrained(request, tmp_path_factory, shared_cache) -> Study:
    """A confirmed study of a pretrained network, without a search."""
    changes = PRETRAINED[request.param]
    if "Lite0" in request.param:
        changes = {**changes, "recipe_weights": lite0_weights(), "recipe_resolution": 64}
    folder = tmp_path_factory.mktemp("pretrained")
    few: dict[str, Any] = {
        "search_evaluations": 0,
        "domain_pseudo_labels": "nearest",
        "confirm_seeds": 1,
    }
    file = encoded_file(folder, **few, **changes)
    study = Study.open(file, storage=f"sqlite:///{folder / 'features.db'}", cache=shared_cache)
    study.run()
    return study


@pytest.mark.parametrize(("row", "adaptation"), [(BEST, "fine-tune"), ("pooled union", "ridge")])
def test_the_whole_network_predicts_on_pictures_what_its_tail_predicted(pretrained, row, adaptation, tmp_path):
    study = pretrained
    model = geosearch.load_model(write_model(study.model(row=row, adaptation=adaptation), tmp_path / "model"))
    target, raw = study.prepared.target, load(study.file.domain.target)
    pictures = raw.images[target.rows["test"]]
    assert target.test_from_train
    expected = confirmed(study, row, adaptation)
    found = model.predict(pictures)
    assert (found.labels == expected).mean() >= (1 if study.file.transport.space == "pixels" else 0.9)
    assert model.size == 16
    larger = model.predict(pictures.repeat(3, axis=1).repeat(3, axis=2))
    assert (larger.labels == found.labels).mean() > 0.8
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(pictures[:10]):
        Image.fromarray(image).save(tmp_path / "photos" / f"{number}.png")
    predict_images(model, tmp_path / "photos", tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as table:
        assert [row["class"] for row in csv.DictReader(table)] == found.names[:10]
    facts = model.facts.architecture[0]
    assert facts["name"] == study.file.recipe.network
    assert facts["resolution"] == study.file.recipe.settings["resolution"]
    assert facts["trained"] == (study.file.recipe.settings["trainable"] or "last")
    assert "/" not in facts["weights"]
    assert [source.images for source in model.facts.provenance.sources] == [60, 60], "views are no images"
    own = model.predict(raw.images)
    assert own.is_unlike.mean() < 0.3
    names = [name for name in model.module.state_dict() if not name.startswith("head.") and ".tail." not in name]
    assert len(names) == len({name.rpartition("network.")[2] for name in names}), "one copy of every weight"
    assert any(".tail." in name for name in model.module.state_dict()) == (facts["features"] == "both")


def test_features_of_the_whole_network_are_those_of_activations_but_for_rounding(pretrained, monkeypatch, tmp_path):
    study, seen = pretrained, {}

    def kept(module, *rest):
        seen["tail"] = module
        return on_images(module, *rest)

    monkeypatch.setattr(take_away, "on_images", kept)
    study = Study.open(study.file, storage=study.store.url, cache=Cache(tmp_path / "cache"))
    model = study.model(row=BEST, adaptation="fine-tune")
    target, raw = study.prepared.target, load(study.file.domain.target)
    logits, features = model.read_out(model.facts.preprocessing.apply(raw.images[target.rows["test"]]))
    rounded_logits, rounded = read_out(seen["tail"], target.test_images)
    assert np.abs(features - rounded).mean() < 0.03 * np.abs(rounded).mean()
    assert (logits.argmax(1) == rounded_logits.argmax(1)).mean() >= 0.9
    assert sum(weight.numel() for weight in seen["tail"].parameters()) <= sum(
        weight.numel() for weight in model.module.parameters()
    )


def test_the_card_names_the_network_and_what_was_trained(pretrained):
    card = render_model_card(pretrained.model(row=BEST).facts, "model")
    assert f"`{pretrained.file.recipe.network}` with the weights " in card
    assert "under the license of those who publish them" in card
    assert ("pip install 'timm>=1.0.12'" in card) == pretrained.file.recipe.network.startswith("timm:")
