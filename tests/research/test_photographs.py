"""Photographs: draws are nested, mixtures leave their targets out, merged blocks keep to their formula."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from research.common.lines import Lines
from research.photographs import agreement, further_rows, heads, merged, searches, single_sources, whole_studies
from research.photographs.heads import Few
from research.photographs.mixtures import mixtures, of_target
from research.photographs.sets import DATA, TARGETS, task

needs_photographs = pytest.mark.skipif(
    not (DATA.parent / "photos").is_dir(), reason="needs photos/ beside $GEOSEARCH_DATA"
)


@pytest.fixture
def blobs() -> Few:
    """Three well separated classes, two labels each."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    z = (3 * np.eye(5)[labels] + rng.normal(size=(120, 5)) * 0.8).astype(np.float32)
    chosen = np.concatenate([np.flatnonzero(labels == label)[:2] for label in range(3)])
    return Few(z[chosen], labels[chosen], 3, np.delete(z, chosen, 0))


@pytest.mark.parametrize("way", [heads.ridge, heads.logistic, heads.nearest_mean, heads.spreading, heads.self_trained])
def test_every_head_tells_clear_classes_apart(blobs, way):
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 50)
    z = 3 * np.eye(5)[labels] + rng.normal(size=(150, 5)) * 0.3
    assert heads.error(way(blobs), z, labels)[0] < 0.1


def test_labels_spread_further_than_the_nearest_shot():
    """Two chains of points: the far ends are nearer to the other class's shot."""
    x = np.linspace(0, 1, 60)
    chains = np.concatenate([np.stack([x, 0 * x, 0 * x + 1], 1), np.stack([x, 0 * x + 0.3, 0 * x - 1], 1)])
    few = Few(chains[[0, 119]], np.array([0, 1]), 2, np.delete(chains, [0, 119], 0))
    scores, reached = heads.spread(few, neighbours=4, alpha=0.9)
    assert (scores.argmax(1)[reached] == np.repeat([0, 1], 59)[reached]).mean() > 0.95


def test_merged_blocks_keep_to_their_formula(monkeypatch):
    start = {"w": torch.tensor([1.0, 1.0]), "batches": torch.tensor(3)}
    ends = {"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([1.0, 5.0])}
    states = {name: {**start, "w": weights} for name, weights in ends.items()}
    monkeypatch.setattr(merged, "tail", lambda: type("Tail", (), {"state_dict": lambda self: start})())
    assert merged.merge({"a": 0.5, "b": 0.5}, states, 0.0)["w"].tolist() == [1, 1]
    assert merged.merge({"a": 1.0}, states, 1.0)["w"].tolist() == [3, 1]
    assert merged.merge({"a": 0.5, "b": 0.5}, states, 0.5)["w"].tolist() == [1.5, 2.0]
    assert merged.merge({"a": 2.0, "b": 2.0}, states, 1.0)["w"].tolist() == [2, 3]


@needs_photographs
def test_draws_are_nested_and_apart():
    known = task("rsscn7")
    one, five = known.draw(1, 0), known.draw(5, 0)
    assert set(one) < set(five)
    assert len(five) == 35
    assert np.bincount(known.train_labels[five]).tolist() == [5] * 7
    assert set(five) != set(known.draw(5, 1))
    assert len(task("aid").classes) == 10


@needs_photographs
def test_every_target_has_twenty_random_mixtures_without_itself():
    for target in TARGETS:
        names = of_target(target)
        assert sum(name.startswith("random") for name in names) == 20
        assert len(names) == 29
        assert all(target not in dict(mixtures()[name].weights) for name in names)


def test_the_regret_of_a_score_is_that_of_the_mixture_it_likes_best(monkeypatch):
    errors = {"a": 0.30, "b": 0.35, "c": 0.50}
    monkeypatch.setattr(agreement, "of_target", lambda target: [*errors, "mixup: t"])
    monkeypatch.setattr(agreement, "truth", lambda target, name: errors.get(name))
    likes = {"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [3.0, 3.0]}  # two draws of labels
    assert agreement.regret(lambda _, name: np.array(likes[name]), "t") == pytest.approx(2.5)
    assert agreement.regret(None, "t") == pytest.approx(100 * (1.15 / 3 - 0.3))


def test_the_table_of_distances_has_both_kinds_and_chance():
    lines = agreement.distances_table()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| with labels", "| of features", "| a mixture at random"]


def study_line(
    target: str, draw: int, answer: float, ridge: float, again: float, single: float, features: str = "both"
) -> str:
    """A study whose answer is the best mixture with the ridge head; the mixture's other errors are 0.9."""

    def row(ridge: float, again: float = 0.9) -> dict[str, list[float]]:
        return {"ridge": [ridge - 0.01, ridge + 0.01], "self-train-ridge": [again], "fine-tune": [0.9]}

    rows = {name: row(0.9) for name in whole_studies.SHOWN if name != "nearest single source"}
    rows |= {"best mixture": row(answer), "no pretraining": row(ridge, again), "single: far": row(single)}
    asked = {"target": target, "draw": draw, "shots": 5, "features": features}
    found = {"rows": rows, "balanced": rows, "answer": ["best mixture", "ridge"], "processor_seconds": 60.0}
    return json.dumps({"asked": asked, **found})


def test_whole_studies_are_judged_by_their_intervals(monkeypatch, tmp_path):
    """The answer is clear of no pretraining on all targets but dtd10; the nearest source is better on trash."""
    for number, script in enumerate((searches, further_rows, single_sources)):
        monkeypatch.setattr(script, "FILE", Lines(tmp_path / f"{number}.jsonl"))
    whole_studies.studies.cache_clear()
    lines = [
        study_line(
            target,
            draw,
            answer=0.3 + 0.01 * draw,
            ridge=0.4 + 0.01 * draw + (0.1 * (-1) ** draw if target == "dtd10" else 0.002 * draw),
            again=0.5,
            single=(0.2 if target == "trash" else 0.35) + 0.011 * draw,
        )
        for target in TARGETS
        for draw in range(4)
    ]
    lines += [
        study_line(target, 0, answer=0.32, ridge=0.4, again=0.5, single=0.35, features="trained") for target in TARGETS
    ]
    searches.FILE.path.write_text("\n".join(lines) + "\n")
    shown = whole_studies.table(5, heads=lambda *_: 0.8)
    assert "| **the study's answer** | 31.5 | 31.5 " in "\n".join(shown)
    assert next(line for line in shown if line.startswith("| lowest")).count("+0.0") == len(TARGETS) - 1
    better, clear, means, before = whole_studies.judged(5, heads=lambda *_: 0.8)
    assert "nearest single source, ridge on trash (-9.8" in better
    assert "rsscn7" not in better
    assert "5 of 6 targets (rsscn7, corn_leaf, seedlings, trash, aid)" in clear
    assert "ridge +10." in means
    assert "minus these: +2.0" in before
    whole_studies.studies.cache_clear()


def test_rows_that_were_trained_apart_stand_where_all_studies_have_them(monkeypatch, tmp_path):
    for number, script in enumerate((searches, further_rows, single_sources)):
        monkeypatch.setattr(script, "FILE", Lines(tmp_path / f"{number}.jsonl"))
    whole_studies.studies.cache_clear()
    cells = [(target, draw) for target in TARGETS for draw in range(2)]
    studies = [study_line(*cell, answer=0.3, ridge=0.4, again=0.5, single=0.35) for cell in cells]
    searches.FILE.path.write_text("\n".join(studies) + "\n")
    one = {"ridge": 0.4, "self-train-ridge": 0.25, "left out": 0.5}
    other = {"ridge": 0.2, "self-train-ridge": 0.6, "left out": 0.7}

    def write(known: list[tuple[str, int]]) -> None:
        for file, facts in (
            (further_rows.FILE, {row: {"ridge": [0.3, 0.4], "self-train-ridge": [0.5]} for row in further_rows.SHOWN}),
            (single_sources.FILE, {"sources": {"a": {"5": one}, "b": {"5": other}}}),
        ):
            asked = ({"target": target, "shots": 5, "draw": draw} for target, draw in known)
            file.path.write_text("".join(json.dumps({"asked": each, **facts}) + "\n" for each in asked))

    write(cells)
    shown = whole_studies.table(5, heads=lambda *_: 0.8)
    means = {line.split(" | ")[0][2:]: line.split(" | ")[-1][:5] for line in shown}
    assert means["Mixup at the projection's weights, ridge"] == "+5.0 "
    assert means["single source chosen by the labels, ridge"] == "+10.0"
    assert means["single source chosen by the labels, self-trained"] == "-5.0 "
    assert means["lowest single source (by test error)"] == "-10.0"
    write(cells[1:])
    assert not any("Mixup" in line or "chosen by the labels" in line for line in whole_studies.table(5, lambda *_: 0.8))
    whole_studies.studies.cache_clear()
