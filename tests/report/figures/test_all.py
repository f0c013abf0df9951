"""Figures show what the facts say: points, lines, names and numbers are read back from what was drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from geosearch.confirmation.row import BEST
from geosearch.report.figures import all as figures
from geosearch.report.figures import style, weights

STATES = {
    "no trials": {"state": "prepared"},
    "nothing at all": {"state": "empty"},
    "only baselines": {"state": "baselines"},
    "two sources": {"m": 2},
    "three sources": {"m": 3, "channels": 3},
    "twelve sources": {"m": 12, "state": "searching", "searched": 12},
    "long names": {"m": 6, "searched": 9, "long_names": True},
    "prices": {"m": 5, "priced": True},
    "photographs": {"m": 3, "photographs": True, "channels": 3, "long_names": True, "searched": 9},
    "hostile names": {"m": 7, "hostile": True, "seeds": 1, "searched": 9},
}


@pytest.fixture(scope="module", params=STATES, ids=str)
def drawn(request, facts_of):
    """Facts in one state, and all their pictures."""
    facts = facts_of(**STATES[request.param])
    return facts, {picture.name: picture for picture in figures.draw_figures(facts)}


def scatter(axes, name: str) -> np.ndarray:
    """(k, 2) the points of the named group."""
    return next(np.asarray(c.get_offsets()) for c in axes.collections if c.get_label() in (name, f"_{name}"))


def texts(artist) -> list[str]:
    return [text.get_text() for text in artist.findobj(Text) if text.get_text() and text.get_visible()]


def visible_texts(figure) -> list[Text]:
    """Every text that is drawn, the numbers on contour lines apart."""
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text.get_gid() != "contour" and text not in beyond
    ]


def test_no_text_is_clipped_and_no_two_names_cover_each_other(drawn):
    for picture in drawn[1].values():
        if picture.figure is None:
            continue
        with style.context():
            picture.figure.draw_without_rendering()
        width, height = picture.figure.bbox.size
        boxes = [(text.get_text(), Text.get_window_extent(text)) for text in visible_texts(picture.figure)]
        for text, box in boxes:
            assert min(box.x0, box.y0) >= -1, (picture.name, text)
            assert box.x1 <= width + 1, (picture.name, text)
            assert box.y1 <= height + 1, (picture.name, text)
        for (one, a), (other, b) in combinations(boxes, 2):
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            tall = min(a.y1, b.y1) - max(a.y0, b.y0)
            covered = max(wide, 0) * max(tall, 0)
            assert covered <= 0.2 * min(a.width * a.height, b.width * b.height), (picture.name, one, other)


def test_text_is_large_enough_for_a_page_of_400_px(drawn):
    for picture in drawn[1].values():
        if picture.figure is not None:
            assert picture.figure.get_figwidth() == style.WIDTH
            sizes = [
                t.get_fontsize() for t in picture.figure.findobj(Text) if t.get_text() and t.get_gid() != "contour"
            ]
            assert min(sizes, default=9) * 366 / (72 * style.WIDTH) >= 8  # px


def test_every_picture_is_drawn_or_says_what_it_waits_for(drawn):
    facts, pictures = drawn
    priced = ["front"] if facts.prices else []
    samples = ["samples"] if facts.samples else []
    assert list(pictures) == [
        "confirmation",
        "history",
        *priced,
        "simplex",
        "weights",
        "worth",
        "proxy",
        "walk",
        *samples,
        "time",
    ]
    for picture in pictures.values():
        assert (picture.figure is None) == bool(picture.missing)
        assert picture.how_to_read.endswith(".")
    assert (pictures["confirmation"].figure is None) == (facts.confirmation is None)
    assert (pictures["history"].figure is None) == (not facts.trials)
    assert pictures["simplex"].figure is not None


def test_history_draws_each_finished_trial_once_and_names_each_baseline(facts_of):
    facts = facts_of()
    axes = figures.plot_history(facts).figure.axes[0]
    assert axes.get_ylabel() == "squared validation error"
    assert axes.get_xlabel() == "trial"
    complete = [trial for trial in facts.trials if trial.state == "complete"]
    points = np.concatenate([scatter(axes, name) for name in ("searched", "baseline", "best")])
    assert sorted(points[:, 1]) == pytest.approx(sorted(trial.error for trial in complete))
    assert len(scatter(axes, "baseline")) == 9
    named = {text for text in texts(axes) if text.startswith(("single: ", "hull", "mixup", "pooled", "uniform"))}
    assert len(named) == 9
    assert f"best: trial {facts.best.number}" in texts(axes)


def test_the_best_so_far_only_falls_and_ends_at_the_least_error(facts_of):
    facts = facts_of()
    axes = figures.plot_history(facts).figure.axes[0]
    line = next(line for line in axes.lines if line.get_label() == "best so far")
    heights = np.asarray(line.get_ydata())
    assert (np.diff(heights) <= 0).all()
    assert heights[-1] == min(trial.error for trial in facts.trials if trial.error is not None)


def test_failed_and_long_trials_are_marked(facts_of):
    facts = facts_of()
    axes = figures.plot_history(facts).figure.axes[0]
    marks = {line.get_label(): len(line.get_xdata()) for line in axes.lines}
    assert marks["failed"] == 1
    assert len(scatter(axes, "after the long recipe")) == 3


def test_a_trial_without_a_finite_error_is_left_out(facts_of):
    facts = facts_of(m=2, state="baselines")
    broken = replace(facts, trials=(*facts.trials[:-1], replace(facts.trials[-1], error=math.nan)))
    axes = figures.plot_history(broken).figure.axes[0]
    assert len(scatter(axes, "baseline")) + len(scatter(axes, "best")) == len(facts.trials) - 1
    assert all(
        picture.figure for picture in figures.draw_figures(broken) if picture.name not in ("confirmation", "worth")
    )


def test_bars_of_a_trial_add_up_to_one_and_show_its_concentration_and_error(facts_of):
    facts = facts_of()
    axes = figures.plot_weights(facts).figure.axes[0]
    ends = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = ends.get(row, 0) + bar.get_width()
    assert list(ends.values()) == pytest.approx([1] * weights.SHOWN)
    best = facts.best
    assert axes.get_yticklabels()[0].get_text() == f"best, trial {best.number}"
    assert [bar.get_width() for bar in axes.patches[:: weights.SHOWN]] == pytest.approx(best.weights)
    assert f"{best.error:.3f}" in texts(axes)
    assert "∞" in texts(axes)


def test_the_front_joins_the_mixtures_that_none_beats_and_names_their_trials(facts_of):
    facts = facts_of(m=4, priced=True)
    axes = figures.plot_pareto_front(facts).figure.axes[0]
    line = next(line for line in axes.lines if line.get_label() == "Pareto front")
    prices, errors = line.get_xdata(), line.get_ydata()
    assert (np.diff(prices) > 0).all()
    assert (np.diff(errors) < 0).all()
    done = [trial for trial in facts.trials if trial.error is not None]
    assert errors[-1] == min(trial.error for trial in done)
    assert prices[0] == min(facts.price(trial.weights) for trial in done)
    numbers = {int(text.get_text()) for text in axes.texts}
    named = sorted((facts.price(trial.weights), trial.error) for trial in done if trial.number in numbers)
    assert named == list(zip(prices, errors, strict=True))


def test_without_prices_there_is_no_front(facts_of):
    assert "front" not in {picture.name for picture in figures.draw_figures(facts_of(m=3))}


def test_twelve_sources_have_twelve_looks():
    assert len({style.source_fill(i) for i in range(12)}) == 12


def test_proxy_shows_every_pair_and_the_agreement(facts_of):
    facts = facts_of()
    picture = figures.plot_proxy(facts)
    axes = picture.figure.axes[0]
    points = np.concatenate([scatter(axes, name) for name in ("searched", "baseline", "best")])
    pairs = [(t.proxy, t.error) for t in facts.trials if t.error is not None]
    np.testing.assert_allclose(sorted(map(tuple, points)), sorted(pairs))
    agreement = facts.proxy_agreement
    title = f"τ = {agreement.tau:+.2f}  [{agreement.low:+.2f}, {agreement.high:+.2f}]"
    assert axes.get_title(loc="right") == title.replace("-", "−")
    assert agreement.sentence()[1:] in picture.how_to_read


def test_confirmation_shows_every_seed_of_every_row_under_every_adaptation(facts_of):
    facts = facts_of(seeds=4)
    figure = figures.plot_confirmation(facts).figure
    assert [axes.get_title() for axes in figure.axes] == ["ridge", "fine-tune"]
    ranked = facts.confirmation.ranked()
    names = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    assert names[[row.name for row in ranked].index(BEST)] == BEST
    for axes, adaptation in zip(figure.axes, ("ridge", "fine-tune"), strict=True):
        for place, row in enumerate(ranked):
            points = scatter(axes, f"seeds of {row.name}")
            np.testing.assert_allclose(points[:, 0], 100 * np.array(row.top1_errors[adaptation]))
            assert (points[:, 1] == place).all()


def test_walk_shows_the_same_columns_at_every_step_and_frames_the_best(facts_of):
    facts = facts_of(channels=3)
    figure = figures.plot_path(facts).figure
    assert len(figure.axes) == len(facts.walk)
    assert [axes.images[0].get_array().shape for axes in figure.axes] == [(28, 6 * 28, 3)] * len(facts.walk)
    assert [axes.get_label() for axes in figure.axes if axes.patches] == [BEST]


def test_samples_are_drawn_with_areas_in_proportion_to_their_shares(facts_of):
    facts = facts_of(m=3, photographs=True, channels=3)
    samples = facts.samples

    def drawn_with(pairing):
        return figures.plot_samples(
            replace(facts, trials=tuple(replace(trial, pairing=pairing) for trial in facts.trials))
        ).figure

    figure = drawn_with("transport")
    drawn = {name: [axes for axes in figure.axes if axes.get_label() == name] for name in ("target", *samples.sources)}
    assert len(drawn["target"]) == 6
    whole = drawn["target"][0].get_position()
    for name, shares in zip(samples.sources, samples.shares, strict=True):
        areas = [axes.get_position().width * axes.get_position().height for axes in drawn[name]]
        np.testing.assert_allclose(areas, shares[shares >= 0.01] * whole.width * whole.height, rtol=1e-6)
    alone = drawn_with("random")
    assert "target" not in [axes.get_label() for axes in alone.axes]


def test_a_study_of_activations_says_what_its_pictures_are(facts_of):
    assert figures.plot_path(facts_of(photographs=True)).title == "What each source looks like through its map"
    assert figures.plot_path(facts_of()).title == "A path through the hull"
    assert figures.draw_figures(facts_of())[-2].name == "walk"


def test_drawing_touches_no_global_state(facts_of):
    before = dict(matplotlib.rcParams)
    for picture in figures.draw_figures(facts_of(m=2, state="prepared")):
        if picture.figure is not None:
            style.svg(picture.figure)
    assert dict(matplotlib.rcParams) == before
    for path in Path(figures.__file__).parent.glob("*.py"):
        assert "pyplot" not in path.read_text(encoding="utf-8"), path


def test_the_same_facts_give_the_same_drawing(facts_of):
    facts = facts_of(m=3, state="baselines")
    assert style.svg(figures.plot_simplex(facts).figure) == style.svg(figures.plot_simplex(facts).figure)
