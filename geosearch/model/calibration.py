"""Calibration: one temperature for all logits, from labels that the module was not adapted to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from geosearch import seeds
from geosearch.adaptation.base import Predictor
from geosearch.adaptation.cross_validation import can_be_left_out, stratified_folds
from geosearch.data.dataset import LabelledSet
from geosearch.model.module import as_module
from geosearch.nn.streams import as_tensor

FOLDS = 3
SPREAD = 0.5  # prior standard deviation of the logarithm of the temperature
_RANGE = (-3.0, 3.0)  # of the logarithm
_BINS = 15


def fit_temperature(logits: np.ndarray, labels: np.ndarray, spread: float = SPREAD) -> float:
    """The temperature that logits are divided by, so that their probabilities are calibrated.

    It minimizes the negative log-likelihood of the labels, plus (log T / spread)^2 / 2: few labels leave it near 1,
    many overrule the prior.

    Source: Guo et al. 2017 (temperature scaling); the prior is ours.

    Args:
        logits: (n, c), of images that the module was not fitted to.
        labels: int (n,).
        spread: standard deviation of log T before any label is seen.

    >>> logits = np.array([[2.0, 0.0]] * 2000)  # "88 %"
    >>> labels = np.array([0] * 1200 + [1] * 800)
    >>> scaled = logits[0] / fit_temperature(logits, labels)
    >>> round(float(np.exp(scaled[0]) / np.exp(scaled).sum()), 1)
    0.6
    """
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        likelihood = scaled[rows, labels] - logsumexp(scaled, axis=1)
        return float(-likelihood.sum() + 0.5 * (log_temperature / spread) ** 2)

    return float(np.exp(minimize_scalar(loss, bounds=_RANGE, method="bounded").x))


def cross_fit_temperature(
    fit: Callable[[LabelledSet], Predictor], shots: LabelledSet, seed: int, *, folds: int = FOLDS
) -> tuple[float, int]:
    """The temperature from labelled images, each predicted by a predictor that was fitted without its fold.

    The only label of a class is never left out, and says nothing about the temperature.

    Args:
        fit: fits a predictor to some of the labelled images.
        shots: all labelled images.
        seed: of the folds.
        folds: number of folds; never more than the largest class has images.

    Returns:
        The temperature, and the number of images that it is from: (1, 0) if no class has two.
    """
    judged = can_be_left_out(shots.labels)
    if not judged.any():
        return 1.0, 0
    logits = np.zeros((len(shots), len(shots.classes)))
    for fit_rows, rows in stratified_folds(shots.labels, folds, seeds.stream(seed, "calibration")):
        module = as_module(fit(shots.take(fit_rows)))
        with torch.inference_mode():
            logits[rows] = module(as_tensor(shots.images[rows])).double().numpy()
    return fit_temperature(logits[judged], shots.labels[judged]), int(judged.sum())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = _BINS) -> float:
    """Mean distance between the probability of the predicted class and how often it is right, over equal bins.

    Source: Guo et al. 2017, eq. 3.

    Args:
        probabilities: (n, c).
        labels: int (n,).
        bins: of the probability of the predicted class.

    >>> expected_calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1]))
    0.0
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, minlength=bins)  # sums of the differences, for each bin
    return float(np.abs(gaps).sum() / len(labels))


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative logarithm of the probability of the true class."""
    return float(-log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean())
