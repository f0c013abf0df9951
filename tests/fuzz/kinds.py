"""The kinds of input: how each is made good, made bad, and fed to a command."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from fuzz import arena, mutations
from generators.sets import blobs
from generators.studies import tiny, write_toml
from PIL import Image

from geosearch.data.license import license_comment
from geosearch.report.figures import style
from geosearch.search.storage.sqlite import sqlite_path
from geosearch.search.storage.urls import journal_path
from geosearch.study.study import Study

SECRET = "hunter2xyz"
FEW = {"search_evaluations": 7, "search_finalists": 1, "search_repeats": 1, "confirm_seeds": 1}
SMALL = ["--samples", "20", "--size", "12"]


@dataclass(frozen=True)
class Stage:
    """A folder with good inputs, among them a finished study, and one for the bad ones."""

    good: Path
    bad: Path

    @classmethod
    def set(cls, folder: Path) -> Stage:
        """Make the good inputs; the study is run for real."""
        stage = cls(folder / "good", folder / "bad")
        stage.good.mkdir(parents=True)
        stage.bad.mkdir()
        write_toml(stage.good / "tiny.toml", tiny(stage.good, **FEW))
        with contextlib.chdir(stage.good), pytest.MonkeyPatch.context() as patch:
            patch.setenv("GEOSEARCH_CACHE", "cache")
            Study.open("tiny.toml").run()
            style.png(plt.figure())  # not watched: libraries make folders of their own when they are first used
            plt.close("all")
        made = blobs("pictures", 3, 6, size=12)
        for number, (image, label) in enumerate(zip(made.images[..., 0], made.labels, strict=True)):
            file = (
                stage.good
                / "pictures"
                / f"class-{label}"
                / f"{number}.{('png', 'jpg', 'gif', 'tif', 'webp', 'pgm')[number % 6]}"
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
        return stage

    def fresh(self) -> Path:
        shutil.rmtree(self.bad)
        self.bad.mkdir()
        return self.bad


def study_file(rng: random.Random, stage: Stage) -> arena.Outcome:
    bad = stage.fresh()
    path = bad / "study.toml"
    if rng.random() < 0.3:
        path.write_bytes(mutations.bytes_(rng, (stage.good / "tiny.toml").read_bytes()))
    else:
        path.write_text(mutations.toml(rng, tiny(stage.good)), encoding="utf-8", errors="surrogatepass")
    return arena.run(["check", "study.toml", *(["--json"] if rng.random() < 0.3 else [])], bad)


def npz(rng: random.Random, stage: Stage) -> arena.Outcome:
    bad = stage.fresh()
    with np.load(stage.good / "target.npz", allow_pickle=False) as arrays:
        mutations.npz(rng, bad / "set.npz", dict(arrays))
    return arena.run(["distance", "npz:set.npz", f"npz:{stage.good}/near.npz", *SMALL], bad)


def image_folder(rng: random.Random, stage: Stage) -> arena.Outcome:
    bad = stage.fresh()
    shutil.copytree(stage.good / "pictures", bad / "pictures")
    mutations.image_folder(rng, bad / "pictures")
    return arena.run(["distance", "imagefolder:pictures", f"npz:{stage.good}/near.npz", *SMALL], bad)


def card(rng: random.Random, stage: Stage) -> arena.Outcome:
    """The card beside a written data set: any bytes, or a line for programs that says something else."""
    bad = stage.fresh()
    shutil.copytree(stage.good / "pictures", bad / "pictures")
    path, line = bad / "pictures" / "CARD.md", license_comment([("near", "CC BY 4.0"), ("far", "<--> MIT")])
    path.write_bytes(mutations.bytes_(rng, f"# Mixture\n\n{line}\n".encode()))
    if rng.random() < 0.5:
        path.write_text(f"<!-- geosearch-card {mutations.json_(rng, line[20:-4])} -->", errors="replace")
    return arena.run(["distance", "imagefolder:pictures", f"npz:{stage.good}/near.npz", *SMALL], bad)


def database(rng: random.Random, stage: Stage) -> arena.Outcome:
    """Status mostly, which reads all; now and then a command that needs the study's sets too."""
    bad = stage.fresh()
    shutil.copy(stage.good / "studies" / "tiny.db", bad / "study.db")
    mutations.database(rng, bad / "study.db")
    draw = rng.random()
    if draw > 0.9:
        shutil.copytree(stage.good / "cache", bad / "cache")
        command = (
            ["report", "study.db", "--out", "page"]
            if draw > 0.97
            else ["synthesize", "study.db", "--out", "set", "--size", "9"]
        )
    else:
        command = ["status", "study.db", *(["--json"] if rng.random() < 0.5 else [])]
    return arena.run(command, bad)


def address(rng: random.Random, stage: Stage) -> arena.Outcome:
    bad = stage.fresh()
    write_toml(
        bad / "tiny.toml", {**tiny(stage.good), "search": {"evaluations": 1}}
    )  # refused once the database is open
    text = mutations.address(rng, SECRET)
    named = journal_path(text) or sqlite_path(text)
    if named and named.is_absolute() and named.parent.is_dir():  # a file that the address names may lie anywhere
        text = text.replace(str(named), str(bad / named.name))
    command = ["status", text] if rng.random() < 0.5 else ["search", "tiny.toml", "--storage", text]
    return arena.run(command, bad, secret=SECRET)


def arguments(rng: random.Random, stage: Stage) -> arena.Outcome:
    bad = stage.fresh()
    number, text = str(rng.choice(mutations.HUGE)), rng.choice(mutations.TEXTS).replace("\x00", "")
    near = f"npz:{stage.good}/near.npz"
    shutil.copy(stage.good / "studies" / "tiny.db", bad / "tiny.db")
    return arena.run(
        rng.choice((
            ["distance", near, near, *SMALL, "--seed", number],
            ["distance", near, near, "--samples", number, "--size", "12"],
            ["distance", near, near, "--samples", "20", "--size", number],
            ["distance", near, text],
            ["synthesize", "tiny.db", "--out", "set", "--trial", number],
            ["synthesize", "tiny.db", "--out", text.replace("/", "-") or "x", "--size", "0"],
            ["status", text],
            ["check", text],
            ["report", text],
            ["dashboard", text, "--port", number],
        )),
        bad,
    )  # fmt: skip


KINDS: dict[str, Callable[[random.Random, Stage], arena.Outcome]] = {
    "study files": study_file,
    "npz files": npz,
    "image folders": image_folder,
    "cards": card,
    "databases": database,
    "storage addresses": address,
    "command lines": arguments,
}
