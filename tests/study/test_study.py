"""The whole house, end to end, on a study that is real in every part."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from generators.image_folders import write_classes
from generators.outcomes import outcomes
from generators.studies import WHOLE, encoded_file, tiny, tiny_file, write_sets
from generators.training import train_briefly

from geosearch.config.build import build_recipe
from geosearch.config.read import parse_study
from geosearch.config.study_config import StudyFile
from geosearch.confirmation.variants import VARIANTS, row_name
from geosearch.data.writers.npz import NpzWriter
from geosearch.errors import InvalidOptionError, OutputExistsError, StorageError, StudyMismatchError
from geosearch.mixture.baselines import CLOUD, SEARCHED
from geosearch.mixture.distillation import Condensation
from geosearch.mixture.mixture import Mixture
from geosearch.mixture.spaces.autoencoder import Autoencoder
from geosearch.mixture.spaces.custom import CustomSpace
from geosearch.mixture.synthesis import Synthesis
from geosearch.mixture.weights import Weights
from geosearch.nn import backbones
from geosearch.nn.augmentation import NO_AUGMENTATION
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.nn.train import pretrain
from geosearch.report.status import status_text
from geosearch.runtime.cache import Cache
from geosearch.search.process import ProcessId
from geosearch.search.storage.sqlite import exclusive_access
from geosearch.search.study_store import StudyStore
from geosearch.search.trial_facts import Claim, keep_fact
from geosearch.study.build_confirmation import build_rows
from geosearch.study.study import Study
from geosearch.transport.maps.neural.map import Neural


def opened(folder, file: StudyFile, **options) -> Study:
    """A study in a folder; it reads what other tests computed, unless given a cache of its own."""
    cache = options.pop("cache", Cache.default())
    return Study.open(file, storage=f"sqlite:///{folder / 'tiny.db'}", cache=cache, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shared_cache):
    """A study run to its end, in a folder of its own."""
    folder = tmp_path_factory.mktemp("finished")
    study = opened(folder, tiny_file(folder, **WHOLE), cache=shared_cache)
    study.run()
    return folder, study


@pytest.fixture
def begun(finished, tmp_path):
    """A copy of the finished study that a test may change."""
    folder, _ = finished
    shutil.copy(folder / "tiny.db", tmp_path)
    return opened(tmp_path, tiny_file(tmp_path, **WHOLE))


def test_a_run_spends_its_budget_and_confirms_every_row(finished):
    _, study = finished
    assert sum(trial.state == "complete" for trial in study.trials) == 10
    rows = [row.name for row in study.confirmation.rows]
    assert rows[0] == "best mixture"
    assert rows[-1] == "no pretraining"
    first = ["pooled union", "hull projection", "hull projection, cloud"]  # and the nearest source, in place of both
    assert [row for row in rows[1:-1] if not row.startswith("single: ")] == first
    assert len(rows) == len(first) + 3
    assert study.confirmation.adaptations == ("ridge", "fine-tune")
    assert all(len(row.top1_errors["ridge"]) == 2 for row in study.confirmation.rows)


def test_the_parts_of_the_target_are_disjoint(finished):
    _, study = finished
    rows = study.prepared.target.rows
    everything = np.concatenate(list(rows.values()))
    assert len(np.unique(everything)) == len(everything)


def test_no_search_depends_on_the_test_labels(finished, tmp_path, cache, monkeypatch):
    """With the test labels gone, the search makes the very same trials; only the confirmation fails."""
    _, study = finished
    monkeypatch.setattr(
        "geosearch.data.target.SealedLabels.reveal", lambda self: (_ for _ in ()).throw(RuntimeError("sealed"))
    )
    blind = opened(tmp_path, study.file, cache=cache)
    with pytest.raises(RuntimeError, match="sealed"):
        blind.run()
    assert outcomes(blind.trials) == outcomes(study.trials)


def test_the_same_seed_gives_the_same_numbers_whatever_the_number_of_processes(finished, tmp_path, cache):
    _, study = finished
    again = opened(tmp_path, tiny_file(tmp_path, search_jobs=2, **WHOLE), cache=cache)
    again.run()
    assert outcomes(again.trials) == outcomes(study.trials)
    assert again.confirmation.rows[0].top1_errors == study.confirmation.rows[0].top1_errors


def test_another_seed_gives_other_numbers(finished, tmp_path):
    _, study = finished
    other = opened(tmp_path, tiny_file(tmp_path, study_seed=4))
    other.run()
    assert outcomes(other.trials) != outcomes(study.trials)


def test_nothing_is_trained_twice(finished, monkeypatch):
    folder, study = finished
    monkeypatch.setattr(
        "geosearch.search.objective.pretrain", lambda *_, **__: pytest.fail("trained what the cache holds")
    )
    fresh = Study.open(study.file, storage=f"sqlite:///{folder / 'other.db'}", cache=study.cache)
    fresh.run()
    assert outcomes(fresh.trials) == outcomes(study.trials)


def test_more_evaluations_are_added_to_what_exists(begun, tmp_path):
    before = outcomes(begun.trials)
    more = opened(tmp_path, begun.file)
    more.run(evaluations=12)
    assert sum(trial.state == "complete" for trial in more.trials) == 12
    kept = [trial[:-1] for trial in outcomes(more.trials)]  # the long recipe may reach other finalists
    assert [trial[:-1] for trial in before] == kept[: len(before)]
    assert opened(tmp_path, begun.file).file.search.evaluations == 12


def test_a_larger_budget_keeps_the_baselines_and_is_another_use_of_the_test_part(begun, tmp_path):
    more = opened(tmp_path, begun.file)
    assert "confirmation 2" not in more.run().verdict()
    before, best = more.store.record.baselines, more.best.number
    more.run(evaluations=24)
    assert more.store.record.baselines == before
    assert sum(trial.role != SEARCHED for trial in more.trials) == len(before)
    assert ("confirmation 2 on the same test part" in more.confirmation.verdict()) == (more.best.number != best)


def test_more_seeds_after_a_confirmation_are_said_to_be_more(begun, tmp_path):
    first = begun.confirmation
    raised = begun.file.confirm.model_copy(update={"seeds": 3})
    study = opened(tmp_path, begun.file.model_copy(update={"confirm": raised}))
    verdict = study.run().verdict()
    assert f"This is confirmation 2 on the same test part (before: trial {study.best.number} with 2 seeds)" in verdict
    assert "confirm.seeds was raised from 2 to 3 after test errors had been seen." in verdict
    assert study.run() == study.confirmation  # which reads no label
    assert len(study.status()["past_confirmations"]) == 1
    assert first.background.past == ()


def test_what_readers_passed_over_is_said_when_the_sets_are_loaded(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="geosearch")
    source = write_classes(tmp_path / "pets")
    study = tiny(tmp_path)
    study["domain"]["sources"].append(source)
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"x")
    for level, damaged in ((logging.INFO, False), (logging.WARNING, True)):
        if damaged:
            (tmp_path / "pets" / "box" / "004.png").write_bytes(b"")
        caplog.clear()
        folder = tmp_path / str(level)
        folder.mkdir()
        assert opened(folder, parse_study(study)).prepared.collection.reports[-1].taken == 60 - damaged
        (said,) = [record for record in caplog.records if record.event.kind == "passed_over"]
        assert said.levelno == level
        assert str(said.event).startswith(f"{source}: {1 + damaged} of 61 files passed over: 1 hidden (.DS_Store)")


def test_copies_of_target_images_in_a_source_are_said_by_search_status_page_and_card(tmp_path, caplog):
    sets = write_sets(tmp_path)
    target, near = (np.load(sets[name]) for name in ("target", "near"))
    file = tiny_file(tmp_path, search_evaluations=0)  # which writes the sets
    mixed = {key: np.concatenate([near[key], target[key][::8]]) for key in near}
    np.savez(sets["near"], **mixed)
    study = opened(tmp_path, file)
    study.run()
    note = "20 of 180 images left out: 20 copies of target images (image 160, image 161, image 162 and 17 more)"
    assert [record.message for record in caplog.records].count(f"npz:{sets['near']}: {note}") == 1
    assert f"  files     npz:near.npz: {note}" in status_text(study.summary()).splitlines()
    assert f"npz:near.npz: {note}." in study.report(tmp_path / "page").read_text()
    card = (study.synthesize(tmp_path / "mixture", size=4) / "CARD.md").read_text()
    assert f"- npz:near.npz: {note}." in card
    assert study.prepared.anchors.sources[0].size == 160


def test_the_free_answer_is_said_before_the_first_training(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="geosearch")
    study = opened(tmp_path, tiny_file(tmp_path))
    study.run()
    kinds = [record.event.kind for record in caplog.records]
    assert kinds.index("free_answer") < kinds.index("baselines") < kinds.index("trial")
    assert "  free      the projection's cloud, near " in status_text(study.summary())
    assert "  sources   1 of 2 are trained alone as baselines, not " in status_text(study.summary())
    cloud = next(trial for trial in study.trials if trial.role == CLOUD)
    assert study.store.record.free_answer.values == cloud.weights
    assert study.store.record.free_answer.proxy == cloud.proxy
    caplog.clear()
    study.run()
    assert not {"free_answer", "baselines"} & {record.event.kind for record in caplog.records}


def test_a_study_without_a_search_maps_confirms_and_exports_and_may_be_searched_later(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = opened(tmp_path, tiny_file(tmp_path, search_evaluations=0))
    verdict = study.run().verdict()
    assert study.trials == ()
    assert verdict.startswith("Pretraining on the projection's cloud, without a search, ")
    assert study.best.role == CLOUD
    rows = [row.name for row in study.confirmation.rows]
    assert rows[:4] == ["best mixture", "pooled union", "hull projection", "hull projection, cloud"]
    assert study.confirmation.equal == CLOUD
    text = (study.export_best() / "CARD.md").read_text()
    assert "free answer (hull projection, cloud)" in text
    assert "--trial" not in text
    assert "without a search" in study.report().read_text()
    assert "no search, search.evaluations is 0" in status_text(study.summary())
    with pytest.raises(StudyMismatchError, match="other settings"):  # test labels have been used
        opened(tmp_path, tiny_file(tmp_path, search_evaluations=0, recipe_steps=5))

    later = Study.open(str(tmp_path / "tiny.db"), cache=study.cache)
    later.run(evaluations=9)
    assert sum(trial.state == "complete" for trial in later.trials) == 9
    assert later.best.number >= 0
    assert "Searching" in later.confirmation.verdict()
    assert "(before: free answer with 2 seeds)" in later.confirmation.verdict()


def test_the_best_mixture_is_written_with_its_card(finished, tmp_path):
    folder, study = finished
    out = study.synthesize(tmp_path / "out", size=30, writer=NpzWriter())
    assert (out / "CARD.md").read_text().count("near") >= 1
    with np.load(next(out.glob("*.npz")), allow_pickle=False) as stored:
        assert stored["images"].shape == (30, 12, 12, 1)
        np.testing.assert_allclose(stored["soft_labels"].sum(axis=1), 1, atol=1e-4)
    again = opened(folder, study.file)
    with pytest.raises(OutputExistsError):
        again.synthesize(tmp_path / "out", size=30)
    assert "prepared" not in vars(again)  # refused before anything slow


def test_more_images_than_the_reference_come_from_further_target_images(finished, tmp_path, caplog):
    folder, study = finished
    n = len(study.prepared.target.reference)
    surplus = len(study.prepared.target.rows["surplus"])
    assert surplus > 0
    transported = next(trial.number for trial in study.trials if trial.pairing == "transport")
    caplog.set_level(logging.INFO, "geosearch")
    again = opened(folder, study.file)
    out = again.synthesize(tmp_path / "more", size=n + surplus + 5, trial=transported, writer=NpzWriter())
    how = caplog.messages[-1]
    assert f"{n} reference images of the target and {surplus} further ones" in how
    assert how in (out / "CARD.md").read_text()
    with np.load(next(out.glob("*.npz")), allow_pickle=False) as stored:
        assert len(stored["images"]) == n + surplus + 5


@pytest.mark.parametrize(
    "choice",
    [
        {"transport_map": "entropic"},
        {"transport_map": "neural", "transport_map_steps": 4},
        {"transport_space": "autoencoder"},
        {"transport_embedding": "pixels", "transport_solver": "sinkhorn"},
    ],
    ids=lambda choice: " ".join(map(str, choice.values())),
)
def test_every_map_and_mixing_space_of_a_study_file_synthesizes(tmp_path, monkeypatch, choice):
    train_briefly(monkeypatch, Autoencoder, steps=20)
    train_briefly(monkeypatch, Neural, classifier=Recipe(SmallConv(4), 10, augmentation=NO_AUGMENTATION))
    study = opened(tmp_path, tiny_file(tmp_path, **choice))
    mixture = Mixture(study.prepared.anchors, Weights.of([0.5, 0.5], 2.0))
    images, labels = next(Synthesis(mixture, study.prepared.target_images(60)).batches(16, np.random.default_rng(0)))
    assert images.shape == (16, 1, 12, 12)
    assert 0 <= images.min() <= images.max() <= 1 + 1e-6
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-4)
    assert bool(study.facts().curves) == (choice.get("transport_map") == "neural")


class Halved:
    """Codes are images at half the size."""

    def encode(self, images):
        return images.reshape(len(images), 6, 2, 6, 2, 1).mean(axis=(2, 4)) / 255

    def decode(self, codes):
        return codes.repeat(2, axis=1).repeat(2, axis=2)


def test_a_mixing_space_of_ones_own_is_used_and_remembered(tmp_path):
    file, space = tiny_file(tmp_path), CustomSpace(Halved(), key="halved")
    study = opened(tmp_path, file, space=space)
    images, _ = Mixture(study.prepared.anchors, Weights.of([0.5, 0.5])).mix_mean(np.arange(8))
    np.testing.assert_allclose(images[..., ::2, ::2], images[..., 1::2, 1::2], atol=1e-6)
    opened(tmp_path, file, space=space).store.study.ask()
    with pytest.raises(StudyMismatchError, match=r"transport.space: 'halved' in the study, 'pixels' now"):
        opened(tmp_path, file)


def test_an_unknown_trial_is_refused(finished, tmp_path):
    _, study = finished
    with pytest.raises(InvalidOptionError, match="has no trial 999"):
        study.synthesize(tmp_path / "out", trial=999)


def test_the_report_is_one_page_with_its_figures(finished, tmp_path):
    _, study = finished
    page = study.report(tmp_path / "report")
    text = page.read_text()
    assert study.confirmation.verdict().split(";")[0][:40] in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert list((tmp_path / "report").rglob("*.png"))


def test_a_begun_study_is_opened_by_its_database_alone(finished):
    folder, study = finished
    again = Study.open(str(folder / "tiny.db"), cache=study.cache)
    assert again.file.domain == study.file.domain
    assert again.best == study.best
    assert again.status()["complete"] == sum(t.state == "complete" for t in study.trials)


def test_changed_settings_are_refused_and_force_new_keeps_the_old_file(tmp_path):
    opened(tmp_path, tiny_file(tmp_path)).store.study.ask()
    changed = tiny_file(tmp_path, recipe_steps=5)
    with pytest.raises(StudyMismatchError, match=r"recipe.steps: 4 in the study, 5 now"):
        opened(tmp_path, changed)
    opened(tmp_path, changed, force_new=True)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["tiny.db", "tiny.old-1.db"]


def test_a_mistake_that_a_first_start_complained_of_may_be_corrected(tmp_path):
    with pytest.raises(InvalidOptionError, match="set it to 12 or more"):
        opened(tmp_path, tiny_file(tmp_path, search_evaluations=4)).run()
    study = opened(tmp_path, tiny_file(tmp_path, search_evaluations=7, domain_shots=2))
    assert Study.open(str(tmp_path / "tiny.db"), cache=study.cache).file.domain.shots == 2


def test_a_study_that_somebody_works_at_is_not_put_aside(tmp_path, monkeypatch):
    study = opened(tmp_path, tiny_file(tmp_path))
    with exclusive_access(study.store.url), pytest.raises(StorageError, match="another process is searching"):
        opened(tmp_path, study.file, force_new=True)
    keep_fact(study.store.study.ask(), Claim(ProcessId.here()))
    study.store.share()
    with pytest.raises(StorageError, match="other processes are using"):
        opened(tmp_path, study.file, force_new=True)
    assert [path.name for path in tmp_path.glob("*.db")] == ["tiny.db"]


def test_what_is_put_aside_is_whole(tmp_path):
    """Half a transaction of a killed process is undone first, with the journal that the file was left with."""
    study = opened(tmp_path, tiny_file(tmp_path))
    path = tmp_path / "tiny.db"
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # spills into the file before the commit
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE half (text TEXT)")
        connection.executemany("INSERT INTO half VALUES (?)", [("x" * 1000,)] * 200)
        for file in (path, tmp_path / "tiny.db-journal"):
            shutil.copy(file, tmp_path / f"killed-{file.name}")
        connection.execute("ROLLBACK")
    for name in ("tiny.db", "tiny.db-journal"):
        (tmp_path / f"killed-{name}").replace(tmp_path / name)
    assert path.read_bytes() != before
    opened(tmp_path, study.file, force_new=True)
    with closing(sqlite3.connect(tmp_path / "tiny.old-1.db")) as connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall()


def test_an_export_of_another_mixture_is_put_aside(begun, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = begun
    out = study.export_best()
    card = (out / "CARD.md").read_text()
    assert study.confirmation.verdict() in card
    assert study.export_best() == out
    assert len(list(out.parent.iterdir())) == 1
    other = opened(tmp_path, tiny_file(tmp_path, confirm_seeds=3))
    other.run()
    assert other.export_best() == out
    assert other.confirmation.verdict() in (out / "CARD.md").read_text()
    assert (out.parent / f"{out.name}.old-1" / "CARD.md").read_text() == card


def test_what_was_confirmed_of_another_trial_is_not_said_of_the_best(finished, monkeypatch):
    _, study = finished
    other = next(trial for trial in study.trials if trial.state == "complete" and trial.point != study.best.point)
    assert study.confirmation is not None
    monkeypatch.setattr("geosearch.report.summary.find_best", lambda trials, answer: other)
    assert study.confirmation is None
    assert study.status()["verdict"] is None


def test_a_budget_raised_in_the_study_file_is_known_by_the_studys_name(begun, tmp_path):
    opened(tmp_path, tiny_file(tmp_path, search_evaluations=11)).run()
    again = Study.open(str(tmp_path / "tiny.db"))
    assert again.file.search.evaluations == 11


@pytest.mark.parametrize("changed", ["target", "near"])
def test_a_study_does_not_go_on_with_other_data(begun, tmp_path, changed):
    file = begun.file.with_search(evaluations=12)
    with np.load(tmp_path / f"{changed}.npz") as arrays:
        images, labels = arrays["images"], arrays["labels"]
    np.savez(tmp_path / f"{changed}.npz", images=255 - images, labels=labels)
    with pytest.raises(StudyMismatchError, match=rf"{changed}\.npz: the data are not those"):
        opened(tmp_path, file).run()
    np.savez(tmp_path / f"{changed}.npz", images=images, labels=labels)
    opened(tmp_path, file).run()


def test_a_study_does_not_go_on_with_other_names_of_classes(begun, tmp_path):
    with np.load(tmp_path / "target.npz") as arrays:
        images, labels = arrays["images"], arrays["labels"]
    names = [f"class {label}" for label in np.unique(labels)]
    np.savez(tmp_path / "target.npz", images=images, labels=labels, class_names=names)
    with pytest.raises(StudyMismatchError, match="names of the target's classes: the data are not those"):
        opened(tmp_path, begun.file.with_search(evaluations=12)).run()


def test_a_study_does_not_go_on_with_other_weights(tmp_path, cache, monkeypatch):
    def weights(seed: int) -> None:
        torch.manual_seed(seed)
        torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.pth")
        backbones._loaded.cache_clear()  # as in another process

    def contents() -> dict[str, str]:
        file = encoded_file(tmp_path, recipe_weights=str(tmp_path / "weights.pth"))
        study = Study.open(file, storage=f"sqlite:///{tmp_path / 'features.db'}", cache=cache)
        return dict(study.prepared.collection.contents)

    weights(0)
    assert "recipe.weights" in contents()
    monkeypatch.setattr(StudyStore, "is_begun", True)
    assert "recipe.weights" in contents()
    weights(1)
    with pytest.raises(StudyMismatchError, match=r"recipe\.weights: the data are not those"):
        contents()


def test_a_study_goes_on_where_its_sets_were_moved_to(begun, tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    for name in ("target", "near", "far"):
        (tmp_path / f"{name}.npz").rename(elsewhere / f"{name}.npz")
    moved = opened(tmp_path, tiny_file(elsewhere))
    moved.run(evaluations=11)
    assert moved.status()["complete"] == 11
    by_name = Study.open(str(tmp_path / "tiny.db"))
    assert by_name.file.domain.target == f"npz:{elsewhere / 'target.npz'}"
    by_name.run(evaluations=12)


def test_a_name_that_is_not_that_of_the_database_is_refused(tmp_path):
    study = opened(tmp_path, tiny_file(tmp_path))
    with pytest.raises(InvalidOptionError, match="holds the study 'tiny', not 'other'"):
        Study.open("other", storage=study.store.url)
    assert Study.open("tiny", storage=study.store.url).name == "tiny"


def test_too_small_a_budget_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"search\.evaluations is 4, but a search needs 5"):
        opened(tmp_path, tiny_file(tmp_path, search_evaluations=4)).run()


def test_a_second_search_of_the_same_file_is_refused(tmp_path):
    study = opened(tmp_path, tiny_file(tmp_path))
    with exclusive_access(study.store.url), pytest.raises(StorageError, match="another process is searching"):
        opened(tmp_path, study.file).run()


def test_a_study_that_was_never_begun_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InvalidOptionError, match=r"no study 'nothing'.* an example \(mnist, npz-example, photographs, quickstart\)"
    ):
        Study.open("nothing")
    with pytest.raises(InvalidOptionError, match="the study 'quickstart' has no database"):
        Study.open("quickstart", must_exist=True)


@pytest.mark.parametrize("adaptation", ["linear-probe", "rehearse", "self-train"])
def test_the_studys_own_adaptation_joins_the_two_that_are_always_confirmed(tmp_path, adaptation):
    study = opened(tmp_path, tiny_file(tmp_path, recipe_adaptation=adaptation, confirm_seeds=1, search_evaluations=7))
    confirmation = study.run()
    assert confirmation.adaptation == adaptation
    assert confirmation.adaptations == ("ridge", "fine-tune", adaptation)
    assert adaptation in confirmation.verdict() or "points" in confirmation.verdict()


def test_every_choice_of_the_recipe_trains(tmp_path):
    choices = {"averaging": "tail", "schedule": "constant", "early_stop": 3, "precision": "bfloat16", "crop": 0.2}
    study = opened(tmp_path, tiny_file(tmp_path, **{f"recipe_{key}": value for key, value in choices.items()}))
    recipe = build_recipe(study.file)
    network = pretrain(Mixture(study.prepared.anchors, Weights.of([0.5, 0.5])), recipe, 0)
    assert all(weight.isfinite().all() for weight in network.parameters())


def test_variants_of_the_best_mixture_join_the_confirmation_when_asked(tmp_path, monkeypatch):
    train_briefly(monkeypatch, Condensation, steps=20)
    plain = tiny_file(tmp_path, recipe_adaptation="self-train", confirm_seeds=1, search_evaluations=7)
    asked = tiny_file(
        tmp_path,
        recipe_adaptation="self-train",
        confirm_seeds=1,
        search_evaluations=7,
        confirm_variants=list(VARIANTS.names()),
    )
    assert asked.fingerprint == plain.fingerprint
    confirmation = opened(tmp_path, asked).run()
    rows = [row_name(entry.option) for entry in VARIANTS.entries()]
    assert [row.name for row in confirmation.rows[-len(rows) :]] == rows
    for name in rows:
        assert f"the same mixture, {name.removeprefix('best mixture, ')}" in confirmation.verdict()


def test_ranges_that_were_searched_are_those_of_the_confirmation_and_are_said(tmp_path):
    file = tiny_file(tmp_path, recipe_augmentation="searched", recipe_recolour=0.5, search_evaluations=12)
    study = opened(tmp_path, file)
    study.run()
    assert study.file.fingerprint["recipe.augmentation"] == "searched"
    by_role = {trial.role == SEARCHED: trial for trial in study.trials if trial.state == "complete"}
    searched, baseline = by_role[True], by_role[False]
    assert searched.augmentation
    assert baseline.augmentation is None
    baselines = {baseline.role: baseline.point}
    points = (searched.point, [searched.point])
    best, other, *_ = build_rows(file, study.prepared, study.cache, *points, baselines, study.trials, is_searched=True)
    assert (best.candidate.augmentation, other.candidate.augmentation) == (searched.augmentation, None)
    assert best.candidate.key != best.candidate.mixture.key
    assert other.candidate.key == other.candidate.mixture.key
    said = searched.augmentation.ranges
    assert said in status_text(replace(study.summary(), trials=(searched,), confirmation=None))
    assert said not in status_text(replace(study.summary(), trials=(baseline,), confirmation=None))
