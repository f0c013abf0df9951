"""How good are the features of a tail for a target: errors of heads on them, for every number and draw of labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from geosearch.nn.precision import has_bfloat16
from research.photographs import heads
from research.photographs.encoder import WIDTH, activations, tail, through
from research.photographs.heads import Few
from research.photographs.sets import DRAWS, SHOTS, task
from research.photographs.training import State

SELF_TRAINING = {"fraction": 0.8, "balance": 0.5, "rounds": 4, "penalty": 3.0}  # chosen in without.py
ERROR, BALANCED, SELF_TRAINED, SQUARED, LEFT_OUT = range(5)  # what a row of scores holds

Scores = dict[str, list[list[float | None]]]  # shots -> draws -> the five numbers


def score(state: State | None, target: str, shots: Sequence[int] = SHOTS, *, again: bool = True) -> Scores:
    """Test errors of the ridge head (plain, balanced) and self-trained, and the leave-one-out errors on the labels.

    Args:
        state: weights of the tail; the pretrained ones if None.
        again: whether to self-train, which needs the features of all images; None stands in its place otherwise.
    """
    known = task(target)
    n, found, rows = len(known.train), {}, np.arange(len(known.rows))
    if not again:
        labelled = [known.draw(count, draw) for count in shots for draw in range(DRAWS)]
        rows = np.concatenate([np.unique(np.concatenate(labelled)), np.arange(n, len(known.rows))])
    z = np.zeros((len(known.rows), WIDTH), np.float32)
    z[rows] = features(state, target, rows)
    for count in shots:
        each = (few(target, count, draw, z) for draw in range(DRAWS))
        found[str(count)] = [_scored(one, z[n:], known.test_labels, again) for one in each]
    return found


def features(state: State | None, target: str, rows: np.ndarray | None = None) -> np.ndarray:
    """float32 (n + p, 1280) of the target's training and test images, or of some of them."""
    network = tail(state).to(memory_format=torch.channels_last)
    x = _activations(target)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
        return through(network, x if rows is None else x[rows])


def few(target: str, shots: int, draw: int, z: np.ndarray) -> Few:
    """The labels of a draw, the other training images without, of features (n + p, d)."""
    known = task(target)
    chosen = known.draw(shots, draw)
    rest = np.setdiff1d(np.arange(len(known.train)), chosen)
    return Few(z[chosen], known.train_labels[chosen], len(known.classes), z[rest])


def _scored(labelled: Few, test: np.ndarray, labels: np.ndarray, again: bool) -> list[float | None]:
    ridge, squared, left_out = heads.ridge_and_errors(labelled)
    plain, balanced = heads.error(ridge, test, labels)
    taught = None
    if again:
        taught = heads.error(heads.self_trained(labelled, **SELF_TRAINING, teacher=lambda _: ridge), test, labels)[0]
    return [None if value is None else round(value, 5) for value in (plain, balanced, taught, squared, left_out)]


@cache
def _activations(target: str) -> np.ndarray:
    return activations(target)[task(target).rows]
