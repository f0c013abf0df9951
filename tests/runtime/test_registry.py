"""Choices: options are known by the name they registered under, with the settings that they declare."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from geosearch.data.loaders.registry import loader_classes
from geosearch.data.writers.registry import writer_names
from geosearch.errors import InvalidOptionError
from geosearch.runtime import registry
from geosearch.runtime.registry import Choice, Setting, name_of, setting, settings_of


@pytest.fixture
def choice() -> Choice[object]:
    made: Choice[object] = Choice("toy.scale", default="plain", meaning="How numbers are scaled.")

    @made.register("plain", "as they are")
    @dataclass(frozen=True)
    class Plain:
        factor: float = setting(1.0, "factor", "What numbers are multiplied by.", gt=0)
        device: str = "cpu"

    return made


def test_an_option_takes_its_settings_and_what_it_knows_of_the_context(choice: Choice[object]) -> None:
    made = choice.build("plain", {"factor": 2.0, "other": 3}, device="cuda", unknown=1)
    assert (made.factor, made.device) == (2.0, "cuda")  # type: ignore[attr-defined]
    assert choice.build("plain", {}).factor == 1.0  # type: ignore[attr-defined]


def test_an_option_may_make_itself_from_settings_that_are_no_fields(choice: Choice[object]) -> None:
    @choice.register("odd", "differently", power=3)
    @dataclass(frozen=True)
    class Odd:
        exponent: int

        @classmethod
        def settings(cls) -> tuple[Setting, ...]:
            return (Setting("shift", int, 0, "Added to the exponent."),)

        @classmethod
        def from_settings(cls, settings, *, power, **context):
            return cls(settings["shift"] + power)

    assert choice.build("odd", {"shift": 4}) == Odd(7)
    assert set(choice.settings()) == {"factor", "shift"}
    assert name_of(Odd) == "Odd"  # a name that fixes fields does not name the class


def test_names_begin_with_the_default_and_do_not_depend_on_the_order_of_imports(choice: Choice[object]) -> None:
    for name in ("zeta", "alpha"):
        choice.register(name, "")(type(name, (), {}))
    assert choice.names() == ("plain", "alpha", "zeta")
    assert choice.expected() == "expected 'plain', 'alpha' or 'zeta'"


def test_an_unknown_name_is_refused_with_the_nearest_one(choice: Choice[object]) -> None:
    with pytest.raises(InvalidOptionError, match=r"'toy.scale': expected 'plain', got 'plane'; did you mean 'plain'"):
        choice.build("plane", {})


def test_a_name_belongs_to_one_class(choice: Choice[object]) -> None:
    class Other:
        pass

    with pytest.raises(InvalidOptionError, match="is Plain already"):
        choice.register("plain", "")(Other)


def test_a_key_that_options_share_is_declared_alike(choice: Choice[object]) -> None:
    @choice.register("same", "")
    @dataclass(frozen=True)
    class Same:
        by: float = setting(1.0, "factor", "What numbers are multiplied by.", gt=0)

    @dataclass(frozen=True)
    class Different:
        by: float = setting(2.0, "factor", "What numbers are multiplied by.", gt=0)

    with pytest.raises(InvalidOptionError, match=r"another option of toy\.scale"):
        choice.register("different", "")(Different)
    assert settings_of(Same)["by"] == choice.settings()["factor"]


def test_a_registered_class_goes_by_its_name_in_content_keys(choice: Choice[object]) -> None:
    assert name_of(choice.entry("plain").option) == "plain"
    assert name_of(int) == "int"


def test_modules_of_other_packages_are_imported_once_whoever_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = []

    class Found:
        def load(self) -> None:
            imported.append(self)

    monkeypatch.setattr(registry, "entry_points", lambda group: [Found()] if group == "geosearch.options" else [])
    for ask in (loader_classes, writer_names, Choice("toy.other", default=None, meaning="").names):
        registry.import_extensions.cache_clear()
        imported.clear()
        ask()
        ask()
        assert len(imported) == 1


def test_threads_that_ask_at_once_get_all_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second thread asks while the first one is still importing."""
    (folder := tmp_path / "slow_room").mkdir()
    (folder / "__init__.py").write_text("")
    for name in ("early", "late"):
        registers = f"slow_room.CHOICE.register('{name}', '')(type('{name}', (), {{}}))"
        (folder / f"{name}.py").write_text(f"import time, slow_room\ntime.sleep(0.2)\n{registers}\n")
    monkeypatch.syspath_prepend(tmp_path)
    made: Choice[object] = Choice("toy.slow", default="early", meaning="", room="slow_room")
    __import__("slow_room").CHOICE = made

    def ask(wait: float) -> tuple[str, ...]:
        time.sleep(wait)
        return made.names()

    try:
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(ask, (0.0, 0.1, 0.3)))
    finally:
        for name in [one for one in sys.modules if one.partition(".")[0] == "slow_room"]:
            del sys.modules[name]
    assert found == [("early", "late")] * 3


def test_a_module_may_ask_while_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: Choice[object] = Choice("toy.asked", default=None, meaning="", room="asking")
    monkeypatch.setattr(sys, "asked_choice", made, raising=False)
    (tmp_path / "asking.py").write_text(
        "import sys\nsys.asked_choice.register('one', '')(type('One', (), {}))\nKNOWN = sys.asked_choice.names()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert made.names() == ("one",)
    assert sys.modules.pop("asking").KNOWN == ("one",)
