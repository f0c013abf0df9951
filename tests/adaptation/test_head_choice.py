"""HeadChoice: the self-trained head, unless the ridge head is clearly better; errors are weighted by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from geosearch import load
from geosearch.adaptation.automatic import Automatic
from geosearch.adaptation.head_choice import HeadChoice
from geosearch.adaptation.ridge import RidgeFit
from geosearch.adaptation.self_trained_ridge import SelfTrainedRidge
from geosearch.data.unlabelled import UnlabelledSet
from geosearch.embeddings.pixels import PixelEncoder
from geosearch.nn.networks import SmallConv
from geosearch.pseudo_labels.head import HeadLabelling

DIGITS = load("digits")
LABELS = np.repeat([0, 1], [10, 2])


def choose(monkeypatch: pytest.MonkeyPatch, wrong: Sequence[int], labels: np.ndarray, balance: float) -> HeadChoice:
    """Of a ridge head that always says class 0, and a self-trained one that errs on the rows in `wrong`."""
    zero = RidgeFit(np.zeros((1, 2)), np.array([1.0, 0.0]))
    monkeypatch.setattr("geosearch.adaptation.head_choice.fit_ridge", lambda *_: (zero, 1.0))
    said = labels.copy()
    said[list(wrong)] = 1 - said[list(wrong)]
    monkeypatch.setattr(SelfTrainedRidge, "predict_left_out", lambda self, *parts: np.eye(2)[said[parts[-1]]])
    z = np.arange(float(len(labels)))[:, None]
    return HeadChoice.by_cross_validation(z, labels, z, 2, SelfTrainedRidge(balance=balance), seed=0)


def test_errors_and_their_difference_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose(monkeypatch, [0, 1, 2], LABELS, balance=0.0)
    assert found.errors == pytest.approx({"ridge": 2 / 12, "self-train-ridge": 3 / 12})
    differences = np.array([-1, -1, -1, *[0] * 7, 1, 1])
    assert found.standard_error == pytest.approx(differences.std(ddof=1) / np.sqrt(12))


def test_the_standard_error_is_that_of_a_weighted_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose(monkeypatch, [0, 1, 2], LABELS, balance=1.0)
    draws = np.random.default_rng(0)  # of a mean over classes of labels that are drawn again
    differences = np.array([-1.0, -1, -1, *[0] * 7, 1, 1])
    rows = draws.integers(0, 12, (20_000, 12))
    weights = np.repeat([1 / 10, 1 / 2], [10, 2])[rows]
    means = (weights * differences[rows]).sum(1) / weights.sum(1)
    assert found.standard_error == pytest.approx(means.std(), rel=0.15)


def test_errors_are_weighted_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose(monkeypatch, [0, 1, 2], LABELS, balance=1.0)
    assert found.errors == pytest.approx({"ridge": 1 / 2, "self-train-ridge": 3 / 10 / 2})


@pytest.mark.parametrize(("wrong", "name"), [([0, 1, 2], "self-train-ridge"), ([*range(9)], "ridge")])
def test_the_ridge_head_has_to_be_clearly_better(monkeypatch: pytest.MonkeyPatch, wrong: list[int], name: str) -> None:
    found = choose(monkeypatch, wrong, LABELS, balance=0.0)
    assert found.errors["ridge"] < found.errors["self-train-ridge"]
    assert found.name == name


def test_among_equals_it_is_the_self_trained_head(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose(monkeypatch, [10, 11], LABELS, balance=0.5)
    assert found.name == "self-train-ridge"
    assert found.standard_error == 0
    assert str(found).endswith("wrong, weighted by class)")


def test_without_a_spread_any_difference_is_clear() -> None:
    labels = np.repeat([0, 1], 3)
    found = HeadChoice.from_errors(np.zeros(6, bool), np.ones(6, bool), labels, balance=0.5)
    assert (found.name, found.is_weighted) == ("ridge", False)
    assert found.standard_error == pytest.approx(0)


def test_balance_and_folds_are_those_of_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        HeadChoice, "by_cross_validation", lambda z, labels, u, classes, head, seed: seen.append(head) or HeadChoice()
    )
    shots, images = DIGITS.take(range(20)), UnlabelledSet.of(DIGITS.take(range(20, 60)))
    HeadLabelling(balance=0.25, folds=3).fit(shots, images.images, PixelEncoder())
    Automatic(images, balance=0.75).choose(SmallConv(4).build(channels=1, size=8, classes=10, seed=0), shots, seed=0)
    assert [(head.balance, head.folds) for head in seen] == [(0.25, 3), (0.75, 5)]


def test_a_difference_within_the_error_is_said() -> None:
    text = "self-train-ridge, chosen by cross-validation on the labels (ridge 20 %, self-train-ridge 23 % wrong; the "
    choice = HeadChoice({"ridge": 0.2, "self-train-ridge": 0.23}, standard_error=0.07)
    assert str(choice) == text + "difference is within half a standard error)"


def test_single_labels_are_judged_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.array([0, 0, 0, 1])
    assert choose(monkeypatch, [3], labels, balance=0.5).errors == {"ridge": 0.0, "self-train-ridge": 0.0}
    assert choose(monkeypatch, [], np.array([0, 1]), balance=0.5) == HeadChoice()
    assert str(HeadChoice()) == "self-train-ridge, since no class has two labels"
