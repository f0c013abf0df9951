"""The curves of trained maps: drawn when there are any, line for line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geosearch.report.figures.all import draw_figures
from geosearch.report.figures.training import plot_training, smooth


@pytest.fixture
def trained(facts_of):
    facts = facts_of(m=3)
    rng = np.random.default_rng(0)
    steps = np.arange(0, 1000, 10)
    curves = [
        {
            "step": steps,
            "map_loss": rng.normal(size=100),
            "potential_gap": np.exp(-steps / 300),
            "cost": rng.random(100),
        }
        for _ in facts.sources
    ]
    return replace(facts, curves=tuple((s.name, c) for s, c in zip(facts.sources, curves, strict=True)))


def test_one_panel_per_curve_and_one_line_per_source(trained):
    figure = plot_training(trained).figure
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert len(axes.lines) == 3
    gap = figure.axes[1].lines[0]
    np.testing.assert_allclose(gap.get_ydata(), smooth(trained.curves[0][1]["potential_gap"]))


def test_the_page_has_the_figure_only_where_maps_are_trained(trained):
    assert "training" in [picture.name for picture in draw_figures(trained)]
    assert "training" not in [picture.name for picture in draw_figures(replace(trained, curves=()))]


def test_smoothing_keeps_a_constant_and_the_length():
    np.testing.assert_allclose(smooth(np.full(30, 2.5)), 2.5)
    assert len(smooth(np.arange(4.0))) == 4
