"""A new option is one file: once imported, study files and the command line take it, and nothing else is touched."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from generators.studies import tiny, write_toml

from geosearch.adaptation.base import ADAPTATIONS
from geosearch.cli.main import main
from geosearch.config.build import build_adaptations, build_embedding
from geosearch.config.read import parse_study, read_study
from geosearch.config.reference import options_table
from geosearch.data.loaders.base import LOADERS
from geosearch.data.loaders.registry import loader_classes
from geosearch.data.writers.base import WRITERS
from geosearch.data.writers.registry import writer_names
from geosearch.embeddings.base import EMBEDDINGS
from geosearch.errors import InvalidOptionError
from geosearch.search.samplers.registry import SAMPLERS
from geosearch.study.study import Study

SAMPLER = """
from geosearch.mixture.weights import Weights
from geosearch.runtime.registry import Setting
from geosearch.search.samplers.base import MixtureSampler
from geosearch.search.samplers.registry import SAMPLERS


@SAMPLERS.register("toy-corner", "a mixture near the first source")
class Corner(MixtureSampler):
    def __init__(self, space, nearness, seed):
        super().__init__(space, seed=seed, startup=0)
        self.nearness = nearness

    @classmethod
    def settings(cls):
        return (Setting("toy_nearness", float, 0.5, "Weight of the first source.", {"ge": 0, "le": 1}),)

    @classmethod
    def from_settings(cls, settings, *, space, seed, **context):
        return cls(space, settings["toy_nearness"], seed)

    def propose(self, done, pending, rng):
        rest = (1 - self.nearness) / (self.space.m - 1)
        return Weights.of([self.nearness] + [rest] * (self.space.m - 1))
"""

ADAPTATION = """
from dataclasses import dataclass

from geosearch.adaptation.base import ADAPTATIONS
from geosearch.adaptation.ridge import RidgeHead
from geosearch.runtime.registry import setting


@ADAPTATIONS.register("toy-ridge", "a ridge head that counts a little more")
@dataclass(frozen=True)
class ToyRidge(RidgeHead):
    extra: int = setting(1, "toy_extra", "Does nothing.", ge=0)
"""

EMBEDDING = """
from dataclasses import dataclass

import numpy as np

from geosearch.embeddings.base import EMBEDDINGS
from geosearch.embeddings.pixels import Pixels
from geosearch.runtime.registry import setting


@EMBEDDINGS.register("toy-pixels", "pixels again")
@dataclass(frozen=True)
class ToyPixels(Pixels):
    power: float = setting(2.0, "toy_power", "Does nothing.", gt=0)
"""

LOADER = """
from dataclasses import dataclass

import numpy as np

from geosearch.data.dataset import LabelledSet
from geosearch.data.loaders.base import DatasetInfo, Loader, register_loader


@register_loader
@dataclass(frozen=True)
class NoiseLoader(Loader):
    form = "toy-noise/SEED"

    @classmethod
    def parse(cls, spec, options):
        return cls(spec, options) if spec.startswith("toy-noise/") else None

    @classmethod
    def named(cls, options):
        return [DatasetInfo("toy-noise/1", 4, 160, 0, 12, 1, "CC0", False)]

    def _read(self, part):
        rng = np.random.default_rng(int(self.spec.split("/")[1]))
        images = rng.integers(0, 256, (160, 12, 12), dtype=np.uint8)
        return LabelledSet.from_arrays(images, np.arange(160) % 4, name=self.spec, license="CC0")
"""

WRITER = """
from dataclasses import dataclass

from geosearch.data.writers.base import Writer, register_writer


@register_writer
@dataclass(frozen=True)
class RawWriter(Writer):
    name = "toy-raw"
    layout = "All pixels in `pixels`, one image after the other."

    def write(self, folder, contents, batches):
        (folder / "pixels").write_bytes(b"".join(images.tobytes() for images, _ in batches))
"""
FILES = {
    "toy_sampler": SAMPLER,
    "toy_adaptation": ADAPTATION,
    "toy_embedding": EMBEDDING,
    "toy_loader": LOADER,
    "toy_writer": WRITER,
}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files above, written and imported; forgotten after the test."""
    for choice in (SAMPLERS, ADAPTATIONS, EMBEDDINGS):
        choice.names()  # the room's own options are imported before the copy is made
        monkeypatch.setattr(choice, "_entries", dict(choice._entries))
    loader_classes(), writer_names()
    folder = tmp_path / "options"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = [dict(LOADERS), dict(WRITERS)]
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
        importlib.import_module(name)
    yield
    for known, old in zip((LOADERS, WRITERS), before, strict=True):
        known.clear()
        known.update(old)
    for name in FILES:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("options")
def test_options_of_one_file_each_run_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = tiny(tmp_path, recipe_adaptation="toy-ridge", transport_embedding="toy-pixels", search_evaluations=10)
    study["domain"]["sources"].append("toy-noise/1")
    study["search"] |= {"sampler": "toy-corner", "toy_nearness": 0.75}
    study["recipe"]["toy_extra"] = 2
    study["transport"]["toy_power"] = 3.0
    file = read_study(write_toml(tmp_path / "tiny.toml", study))
    assert type(build_embedding(file)).__name__ == "ToyPixels"
    assert (build_embedding(file).power, build_adaptations(file)["toy-ridge"].extra) == (3.0, 2)
    opened = Study.open(file, storage=f"sqlite:///{tmp_path}/study.db")
    confirmed = opened.run()
    searched = [trial for trial in opened.trials if trial.role == "searched"]
    assert any(trial.weights[0] == pytest.approx(0.75, abs=1e-6) for trial in searched)  # the search varies repetitions
    assert "toy-ridge" in confirmed.rows[0].top1_errors
    assert "toy-noise/1" in opened.source_names
    out = tmp_path / "written"
    command = ["synthesize", str(tmp_path / "tiny.toml"), "--storage", f"sqlite:///{tmp_path}/study.db"]
    assert main([*command, "--out", str(out), "--size", "8", "--format", "toy-raw"]) == 0
    assert np.fromfile(out / "pixels", np.uint8).size == 8 * 12 * 12


@pytest.mark.usefixtures("options")
def test_they_are_listed_and_offered(capsys: pytest.CaptureFixture[str]) -> None:
    table = options_table()
    for name in ("toy-corner", "toy-ridge", "toy-pixels"):
        assert f'"{name}"' in table
    for line in ("| `toy_nearness` | `0.5` | Weight", "| `toy_extra` | `1` |", "| `toy_power` | `2.0` |"):
        assert line in table
    assert main(["distance", "digits", "digits", "--samples", "50", "--embedding", "toy-pixels"]) == 0
    assert main(["distance", "digits", "digits", "--embedding", "toy"]) == 2
    assert "'toy-pixels'" in capsys.readouterr().err


@pytest.mark.usefixtures("options")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"search_toy_nearness": 1.5}, "'search.toy_nearness': expected less than or equal to 1, got 1.5"),
        ({"search_toy_nearnes": 0.5}, "unknown key 'search.toy_nearnes'; did you mean 'search.toy_nearness'?"),
        ({"search_sampler": "toy"}, "'toy-corner'"),
        ({"recipe_toy_extra": "two"}, "'recipe.toy_extra': expected a valid integer, got 'two'"),
    ],
)
def test_their_settings_are_checked_like_any_other(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        parse_study(tiny(tmp_path, **change))
    assert message in str(caught.value)


def test_without_them_their_keys_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r"unknown key 'search\.toy_nearness'"):
        parse_study(tiny(tmp_path, search_toy_nearness=0.5))


def test_all_errors_of_a_section_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        parse_study(tiny(tmp_path, search_sampler="magic", search_batch=0, search_batsh=1))
    assert all(key in str(caught.value) for key in ("'search.sampler'", "'search.batch'", "'search.batsh'"))
