"""Heads on pooled features: from few labelled features, and unlabelled ones, to a function that scores others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from geosearch.adaptation.ridge import leave_one_out, one_hot
from geosearch.adaptation.self_training import top_confident
from geosearch.transport.solvers.class_balance import allocate, class_factors

Head = Callable[[np.ndarray], np.ndarray]  # features (n, d) -> scores (n, c)


@dataclass(frozen=True, eq=False)
class Few:
    """What a head is fitted to.

    Attributes:
        z: (n, d) labelled features; y: (n,) labels 0..c-1; c: classes.
        u: (m, d) features of unlabelled images.
    """

    z: np.ndarray
    y: np.ndarray
    c: int
    u: np.ndarray


def ridge(few: Few) -> Head:
    """As `RidgeHead` fits it: penalty of least squared leave-one-out error."""
    return ridge_and_errors(few)[0]


def ridge_and_errors(few: Few) -> tuple[Head, float, float]:
    """The ridge head and its leave-one-out error: squared, and in [0, 1]."""
    scale = _scale(few.z)
    found = leave_one_out(few.z.astype(np.float64) * scale, one_hot(few.y, few.c))
    return _dual(few.z.astype(np.float64), few.y, few.c, found.ridge), found.squared_error, found.top1_error


def logistic(few: Few, penalty: float | None = None) -> Head:
    """Logistic regression on standardized features; C by 5-fold cross-validation if None (1 where a class has 1 shot).

    The features are first rotated to the space that the shots span, which changes no solution.
    """
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

    shift, scale = few.z.mean(0), _scale(few.z)
    _, _, basis = np.linalg.svd((few.z - shift).astype(np.float64), full_matrices=False)
    x = (few.z - shift) * scale @ basis.T
    fewest = int(np.bincount(few.y).min())
    if penalty is None and fewest > 1:
        model = LogisticRegressionCV(
            Cs=LOGISTIC,
            cv=min(5, fewest),
            max_iter=300,
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            l1_ratios=(0,),
        )
    else:
        model = LogisticRegression(C=penalty or LOGISTIC_OF_ONE, max_iter=300)
    model.fit(x, few.y)
    return lambda new: model.predict_proba((new - shift) * scale @ basis.T)


LOGISTIC = (0.1, 1.0, 10.0, 100.0)
LOGISTIC_OF_ONE = 10.0


def nearest_mean(few: Few) -> Head:
    """Cosine of an image with the mean of every class, features centred at the mean of the unlabelled ones."""
    centre = few.u.mean(0)
    means = np.stack([_normed(few.z[few.y == label] - centre).mean(0) for label in range(few.c)])
    return lambda x: _normed(x - centre) @ _normed(means).T


def spread(few: Few, neighbours: int = 10, alpha: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Labels (m, c) diffused from the shots to the unlabelled features, and which of them (m,) were reached.

    Zhou et al. 2004 on a symmetric graph of nearest neighbours by cosine.
    """
    both = _normed(np.concatenate([few.z, few.u]) - few.u.mean(0)).astype(np.float64)
    likeness = both @ both.T
    np.fill_diagonal(likeness, -np.inf)
    near = np.argpartition(-likeness, neighbours, axis=1)[:, :neighbours]
    w = np.zeros_like(likeness)
    rows = np.arange(len(both))[:, None]
    w[rows, near] = np.clip(likeness[rows, near], 0, None) ** 3
    w = np.maximum(w, w.T)
    degree = np.clip(w.sum(1), 1e-12, None) ** -0.5
    known = np.concatenate([one_hot(few.y, few.c), np.zeros((len(few.u), few.c))])
    out = np.linalg.solve(np.eye(len(both)) - alpha * degree[:, None] * w * degree, known)[len(few.z) :]
    return out, out.sum(1) > 1e-9


def spreading(few: Few, neighbours: int = 10, alpha: float = 0.8, balance: float = 0.5, penalty: float = 1.0) -> Head:
    """A ridge head on the shots and on the unlabelled features under the labels that were spread to them."""
    scores, reached = spread(few, neighbours, alpha)
    shares = scores[reached] / scores[reached].sum(1, keepdims=True)
    labels = allocate(shares, class_factors(shares, balance)).argmax(1)
    return student(few, few.u[reached], labels, penalty)


def self_trained(
    few: Few,
    *,
    fraction: float = 0.7,
    balance: float = 0.5,
    rounds: int = 2,
    penalty: float = 1.0,
    teacher: Callable[[Few], Head] = ridge,
) -> Head:
    """A ridge head on the shots and on the unlabelled features that a teacher is sure of; then it is the teacher."""
    head = teacher(few)
    for _ in range(rounds):
        scores = confident(head(few.u))
        scores = allocate(scores, class_factors(scores, balance))
        rows = top_confident(scores, fraction)
        head = student(few, few.u[rows], scores[rows].argmax(1), penalty)
    return head


def confident(scores: np.ndarray) -> np.ndarray:
    """Scores (n, c) of a regression as probabilities: a softmax in units of half their standard deviation."""
    x = 2 * scores / max(float(scores.std()), 1e-12)
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def student(few: Few, z: np.ndarray, labels: np.ndarray, penalty: float) -> Head:
    """Ridge regression on the shots and on further features (k, d) under labels (k,)."""
    return _dual(np.concatenate([few.z, z]), np.concatenate([few.y, labels]), few.c, penalty)


def _dual(z: np.ndarray, y: np.ndarray, c: int, penalty: float) -> Head:
    """Ridge regression in its dual form, of features scaled to a mean squared norm of 1 once centred."""
    targets = one_hot(y, c).astype(z.dtype)
    shift, scale, middle = z.mean(0), z.dtype.type(_scale(z)), targets.mean(0)
    x = (z - shift) * scale
    gram = x @ x.T + penalty * np.eye(len(x), dtype=z.dtype)
    weight = x.T @ cho_solve(cho_factor(gram), targets - middle)  # (d, c)
    return lambda new: (new - shift) * scale @ weight + middle


def error(head: Head, z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Error in [0, 1], and the mean of the classes' errors."""
    wrong = head(z).argmax(1) != y
    return float(wrong.mean()), float(np.mean([wrong[y == label].mean() for label in np.unique(y)]))


def _scale(z: np.ndarray) -> float:
    """Factor to a mean squared norm of 1, once centred."""
    norm = float(np.sqrt(((z - z.mean(0)) ** 2).sum(1).mean()))
    return 1.0 / norm if norm > 0 else 1.0


def _normed(x: np.ndarray) -> np.ndarray:
    return x / np.clip(np.linalg.norm(x, axis=1, keepdims=True), 1e-12, None)
