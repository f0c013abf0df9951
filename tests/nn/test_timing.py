"""A cost estimate grows with the steps, is measured once for each shape, and is about right."""

import time
from dataclasses import replace

import pytest
import torch

from geosearch.nn import timing
from geosearch.nn.early_stopping import EarlyStopping
from geosearch.nn.timing import measure_pace
from geosearch.nn.train import pretrain

SHAPE = {"channels": 1, "size": 8, "classes": 6}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_estimate_is_of_the_size_of_what_training_takes(mixture, recipe):
    estimate = measure_pace(recipe, **SHAPE).seconds(150)
    start = time.process_time()  # other processes may come and go
    pretrain(mixture, recipe.scaled(150), 0)
    assert 1 / 6 < estimate / (time.process_time() - start) < 6


def test_lengths_share_one_measurement_and_other_shapes_do_not(recipe, monkeypatch):
    calls = []
    monkeypatch.setattr(timing, "pretrain", lambda *args, **kwargs: calls.append(args))
    timing._pace.cache_clear()
    first = measure_pace(recipe, **SHAPE)
    assert measure_pace(replace(recipe.scaled(7), early_stop=EarlyStopping()), **SHAPE) is first
    assert len(calls) == 3
    measure_pace(recipe, **{**SHAPE, "size": 16})
    assert len(calls) == 6
    timing._pace.cache_clear()


def test_seconds_are_affine_in_the_steps(recipe):
    measured = measure_pace(recipe, **SHAPE)
    assert measured.step_seconds > 0
    assert measured.setup_seconds >= 0
    assert measured.seconds(300) - measured.seconds(100) == pytest.approx(200 * measured.step_seconds)
