"""Invented studies with realistic facts, in every state that a study can be in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from geosearch.confirmation.ablation import LeftOut
from geosearch.confirmation.confirmation import Confirmation
from geosearch.confirmation.row import BEST, NO_PRETRAINING, Row, RowKind
from geosearch.data.card import SourceFacts
from geosearch.mixture.baselines import CLOUD, SEARCHED, baseline_weights
from geosearch.mixture.weights import Weights
from geosearch.report.mixture_samples import MixtureSamples
from geosearch.report.summary import StudyReport
from geosearch.search.fidelity.rank_agreement import RankAgreement
from geosearch.search.fidelity.statistics import Fidelity, FidelityStatistics
from geosearch.search.free_answer import FreeAnswer
from geosearch.search.trial_facts import Failed, FailureReason, Repeat
from geosearch.search.trial_record import TrialRecord

LOSS_IS_NAN = Failed(FailureReason.TRAINING, "loss is NaN")
FONT = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
SHELF = (
    ("fonts/sans-digits", 4000, 10, "DejaVu (free)", "7"),
    ("fonts/serif-upper", 4000, 26, "DejaVu (free)", "R"),
    ("fonts/mono-lower", 4000, 26, "DejaVu (free)", "k"),
    ("fonts/computer-modern-greek", 3600, 24, "Knuth license", "Ω"),
    ("usps", 7291, 10, "unknown", "5"),
    ("kmnist", 60000, 10, "CC BY-SA 4.0", "Z"),
    ("fashion_mnist", 60000, 10, "MIT", "T"),
    ("az_letters", 37000, 26, "CC0", "Q"),
    ("svhn", 73257, 10, "CC BY-NC 4.0", "8"),
    ("fonts/serif-symbols", 4000, 30, "DejaVu (free)", "§"),
    ("emnist-letters", 124800, 26, "public domain", "g"),
    ("stl10", 5000, 10, "research only", "#"),
)


def make_facts(
    m: int = 4,
    *,
    searched: int = 26,
    state: str = "finished",
    seeds: int = 5,
    long_names: bool = False,
    hostile: bool = False,
    channels: int = 1,
    priced: bool = False,
    photographs: bool = False,
) -> StudyReport:
    """A study of m sources; `state` is "empty", "prepared", "baselines", "searching" or "finished"."""
    rng = np.random.default_rng(100 + m)
    gaps = rng.normal(size=(m, 6)) * np.linspace(1, 2.2, m)[:, None] + 1.2  # (m, d): target minus source
    gram = 4 * gaps @ gaps.T
    collection = [list(row) for row in SHELF[:m]]
    for i, row in enumerate(collection):
        if long_names:
            row[0] = f"imagefolder-of-handwritten_characters/from-the-archive/{row[0]}-part-{i}"
        if hostile:
            row[0] = f"<script>alert({i})</script> & $x^{i}$ {row[0]}"
    names = [row[0] for row in collection]
    hull = _Hull(gram)
    trials: list[TrialRecord] = []
    if state not in ("empty", "prepared"):
        roles = baseline_weights(names, [row[1] for row in collection], hull)  # type: ignore[arg-type]
        trials = [_trial(i, role, point, gram, rng) for i, (role, point) in enumerate(roles.items())]
    if state in ("searching", "finished"):
        centre = np.array(hull.projection().values)
        for number in range(len(trials), len(trials) + searched):
            pull = min(1.0, (number - len(roles)) / max(searched, 1))
            weights = rng.dirichlet(np.full(m, 0.8)) * (1 - 0.7 * pull) + 0.7 * pull * centre
            k = float(rng.choice([0.0, 0.4, 1.3, 2.5, 8.0, math.inf], p=[0.05, 0.15, 0.25, 0.25, 0.15, 0.15]))
            point = Weights.of(weights / weights.sum(), k, "random" if rng.random() < 0.15 else "transport")
            trials.append(_trial(number, SEARCHED, point, gram, rng))
        if searched > 8:
            trials[-3] = replace(trials[-3], state="failed", error=None, top1_error=None, failed=LOSS_IS_NAN)
            for i in (-5, -8):
                trials[i] = replace(trials[i], state="repeat", error=None, top1_error=None, repeat=Repeat(of=0))
    complete = sorted((t for t in trials if t.error is not None), key=lambda t: t.error)
    if state in ("searching", "finished"):
        for rank, trial in enumerate(complete[:3]):
            trials[trial.number] = replace(trial, long_error=trial.error * (0.82 + 0.05 * ((rank * 2) % 3)))
    finalists = [t for t in trials if t.long_error is not None]
    best = min(finalists, key=lambda t: t.long_error) if finalists else complete[0] if complete else None
    pairs = np.array([(t.proxy, t.error) for t in complete]).reshape(-1, 2)
    return StudyReport(
        name="quickstart",
        budget=35,
        source_names=tuple(names),
        target="digits",
        label_counts=(5,) * 10,
        sources=tuple(SourceFacts(*row[:4], float(gram[i, i])) for i, row in enumerate(collection)),
        gram=gram,
        projection=hull.projection().values,
        prices=tuple(map(float, range(m))) if priced else None,
        trials=tuple(trials),
        free_answer=None if state == "empty" else FreeAnswer(hull.projection().values, CLOUD, 2.5, 1.5),
        untrained=tuple(names[2:]) if trials else (),
        passed_over=() if state == "empty" else ((names[0], "9 of 309 images left out: 9 copies of target images"),),
        fidelities=_fidelities(len(trials), RankAgreement.of(*pairs.T)) if trials else (),
        confirmation=_confirmation(names, seeds) if state == "finished" else None,
        left_out=_left_out(names) if state == "finished" else (),
        stages=()
        if state == "empty"
        else (
            ("load", 1.31),
            ("embedding", 9.2),
            ("transport", 6.4),
            *((("evaluations", 71.0),) if trials else ()),
            *((("finalists", 18.5), ("confirmation", 63.0)) if state == "finished" else ()),
        ),
        mixes_activations=photographs,
        samples=_samples(names, channels) if photographs and best else None,
        walk=() if state == "empty" else _walk([row[4] for row in collection], names, best is not None, channels),
        curves=(),
        settings=(
            ("domain.shots", "5"),
            ("domain.sources", str(tuple(names))),
            ("domain.target", "digits"),
            ("recipe.adaptation", "ridge"),
            ("recipe.steps", "200"),
            ("search.evaluations", "35"),
            ("search.sampler", "gp"),
            ("study.seed", "0"),
        ),
        versions=(("python", "3.11.7"), ("geosearch", "0.1.0"), ("torch", "2.15.0"), ("optuna", "5.0.0")),
    )


class _Hull:
    def __init__(self, gram: np.ndarray) -> None:
        self.gram = gram

    def projection(self) -> Weights:
        from geosearch.mixture.hull import Hull

        return Hull(self.gram, self.gram).projection()


def _trial(number: int, role: str, point: Weights, gram: np.ndarray, rng: np.random.Generator) -> TrialRecord:
    a = point.array
    distance = float(a @ gram @ a)
    spread = 0.06 * (math.isinf(point.concentration)) + 0.05 * (point.pairing == "random")
    error = 0.34 + 0.3 * math.sqrt(distance / np.trace(gram) * len(gram)) + spread + 0.025 * rng.normal()
    return TrialRecord(
        number=number,
        state="complete",
        role=role,
        weights=point.values,
        concentration=point.concentration,
        pairing=point.pairing,
        closed_form=distance,
        proxy=distance * 1.2 + 3 + 1.5 * rng.normal(),
        error=float(error),
        top1_error=float(error) / 4,
        long_error=None,
        wall_seconds=2.6,
    )


def _left_out(names: list[str]) -> tuple[LeftOut, ...]:
    """Sources that help, one that does not, one whose training failed."""
    rows = [LeftOut(name, 1 / len(names), 0.02 - 0.01 * i, 0.006, 0.025 - 0.012 * i) for i, name in enumerate(names)]
    return (*rows[:-1], replace(rows[-1], added=None, expected=None, deviation=None))


def _fidelities(trials: int, agreement: RankAgreement) -> tuple[FidelityStatistics, ...]:
    return (
        FidelityStatistics(Fidelity.CLOSED_FORM, trials, 1e-5 * trials, agreement),
        FidelityStatistics(Fidelity.PROXY, 40 + trials, 2.1, agreement),
        FidelityStatistics(Fidelity.SHORT, trials, 71.0, RankAgreement(float("nan"), -1.0, 1.0, 3)),
        FidelityStatistics(Fidelity.LONG, 9, 18.5),
    )


def _confirmation(names: list[str], seeds: int) -> Confirmation:
    rng = np.random.default_rng(5)
    levels = {
        BEST: 0.088,
        **{f"single: {name}": 0.101 + 0.012 * i for i, name in enumerate(names)},
        "pooled union": 0.095,
        "hull projection": 0.104,
        "hull projection, cloud": 0.0885,
        "mixup": 0.113,
        "uniform": 0.121,
        NO_PRETRAINING: 0.164,
    }
    common = rng.normal(size=seeds) * 0.006
    rows = [
        Row(
            name,
            {
                "ridge": tuple(map(float, level + common + 0.003 * rng.normal(size=seeds))),
                "fine-tune": tuple(map(float, 0.06 + level / 4 + common / 2 + 0.004 * rng.normal(size=seeds))),
            },
            12.0,
            *_kind(name),
        )
        for name, level in levels.items()
    ]
    return Confirmation(tuple(rows), "ridge", tuple(range(seeds)), 1000)


def _kind(name: str) -> tuple[RowKind, str]:
    if name in (BEST, NO_PRETRAINING):
        return (RowKind.BEST if name == BEST else RowKind.NO_PRETRAINING), ""
    _, single, source = name.partition("single: ")
    return (RowKind.SINGLE_SOURCE, source) if single else (RowKind.BASELINE, "")


def _walk(letters: list[str], names: list[str], best: bool, channels: int) -> tuple[tuple[str, np.ndarray], ...]:
    rng = np.random.default_rng(1)
    stacks = [np.stack([_glyph(letter, rng) for _ in range(6)]) for letter in letters]
    steps = [("target", np.stack([_glyph(str(i), rng) for i in range(6)]))]
    if best:
        steps.append((BEST, 0.6 * stacks[0] + 0.4 * stacks[1]))
    for i, (name, stack) in enumerate(zip(names, stacks, strict=True)):
        steps.append((name, stack))
        if i + 1 < len(stacks):
            steps.append(("half-way", (stack + stacks[i + 1]) / 2))
    tint = np.array([1.0, 0.8, 0.6])[:channels]
    return tuple((caption, np.uint8(images[..., None] * tint)) for caption, images in steps)


def _samples(names: list[str], channels: int) -> MixtureSamples:
    """Of as many sources, the last of which has no share of the first sample."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (len(names), 6, 28, 28, channels), dtype=np.uint8)
    shares = rng.dirichlet(np.ones(len(names)), 6).T
    shares[:, 0] = [*shares[:-1, 0] / shares[:-1, 0].sum(), 0]
    return MixtureSamples(images[0], tuple(names), images, shares)


def _glyph(letter: str, rng: np.random.Generator, size: int = 28) -> np.ndarray:
    picture = Image.new("L", (size, size))
    place = tuple(rng.uniform((5, 1), (9, 5)))
    font = ImageFont.truetype(FONT, int(rng.integers(15, 22)))
    ImageDraw.Draw(picture).text(place, letter, fill=255, font=font)
    return np.asarray(picture.rotate(float(rng.uniform(-15, 15))), dtype=float)


@pytest.fixture(scope="session")
def facts_of() -> Callable[..., StudyReport]:
    """The factory `make_facts`."""
    return make_facts
