"""The house stands as drawn: imports go upwards only, and the guarded words are spoken in one room each."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "geosearch"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def drawn_rooms() -> list[str]:
    """Rooms and loose modules in the order of ARCHITECTURE.md, rooms within rooms as "data/loaders"."""
    block = re.search(r"^geosearch/\n(.*?)^studies/", (ROOT / "ARCHITECTURE.md").read_text(), re.S | re.M).group(1)
    room, found = "", []
    for line in block.splitlines():
        if match := re.match(r"((?:  )+)(\w+)/ ", line):
            above = room.split("/")[: len(match[1]) // 2 - 1]
            room = "/".join([*above, match[2]])
            found.append(room)
        elif match := re.match(r"  (\w+\.py) ", line):
            found.append(match[1])
    return found


def imports_of(path: Path) -> set[str]:
    """Files of the package that a file imports, those for type checkers and within functions too."""
    found = set()
    for node in ast.walk(tree_of(path)):
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("geosearch"):
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names if alias.name.startswith("geosearch")]
        for module in modules:
            relative = "/".join(module.split(".")[1:]) + ".py"
            if (PACKAGE / relative).is_file():
                found.add(relative)
    return found


FILES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
ROOMS = sorted({str(parent) for file in FILES for parent in Path(file).parents if str(parent) != "."})
LOOSE = [file for file in FILES if "/" not in file]


def test_every_room_is_drawn_and_every_drawn_room_exists():
    assert sorted(drawn_rooms()) == sorted([*ROOMS, *LOOSE])


def test_at_most_two_modules_lie_loose():
    assert len(LOOSE) <= 2


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_from_its_room_and_from_rooms_above_it(file):
    order = [room for room in drawn_rooms() if "/" not in room]
    place = order.index(file.split("/")[0])
    assert not [other for other in imports_of(PACKAGE / file) if order.index(other.split("/")[0]) > place]


def test_no_imports_go_in_a_circle():
    imports = {file: imports_of(PACKAGE / file) - {file} for file in FILES}
    while free := [file for file, others in imports.items() if not others]:
        for file in free:
            del imports[file]
        for others in imports.values():
            others.difference_update(free)
    circle = {file: others for file, others in imports.items() if any(file in more for more in imports.values())}
    assert not circle


def callers_of(attribute: str) -> set[str]:
    """Files in which an attribute of this name is called."""
    found = set()
    for file in FILES:
        for node in ast.walk(tree_of(PACKAGE / file)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute:
                found.add(file)
    return found


def importers_of(module: str) -> set[str]:
    pattern = re.compile(rf"^\s*(from|import) {module}\b", re.M)
    return {file for file in FILES if pattern.search((PACKAGE / file).read_text())}


def test_test_labels_are_revealed_in_the_confirmation_alone():
    assert callers_of("reveal") == {"confirmation/confirm.py"}


def test_trials_are_suggested_in_the_space_alone():
    assert callers_of("suggest_float") | callers_of("suggest_categorical") == {"search/space.py"}


def test_optimizers_step_in_the_two_training_loops_alone():
    assert callers_of("backward") == {"nn/train.py", "transport/maps/neural/training.py"}


def test_optuna_and_pot_have_one_room_each():
    studies = {file for file in importers_of("optuna") if not file.startswith("search/")}
    assert studies == {"runtime/shared_cache.py", "adaptation/tuning.py"}  # artifacts; a study in memory
    assert importers_of("ot") == {
        f"transport/solvers/{file}.py" for file in ("network_simplex", "unbalanced", "class_balance")
    }


def calls_of(*names: str) -> list[tuple[str, ast.Call]]:
    """(file, call) of every call of a function or method of these names, e.g. "np.load" or "eval"."""
    return [
        (file, node)
        for file in FILES
        for node in ast.walk(tree_of(PACKAGE / file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]


def keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}


def test_nothing_that_could_run_code_is_ever_loaded():
    assert all(keywords(call).get("allow_pickle") == "False" for _, call in calls_of("np.load", "numpy.load"))
    assert all(keywords(call).get("weights_only") == "True" for _, call in calls_of("torch.load"))
    assert calls_of("torch.load")  # the law would notice another spelling
    assert calls_of("np.load")
    assert not calls_of("eval", "exec", "compile", "__import__", "joblib.load", "pd.read_pickle", "os.system")
    for module in ("pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "subprocess"):
        for file in importers_of(module):
            lines = re.findall(rf"^\s*(?:from|import) {module}\b.*$", (PACKAGE / file).read_text(), re.M)
            assert [line.strip() for line in lines] == ["from pickle import UnpicklingError"], (
                file
            )  # an error, no loader


def test_no_global_seed_is_set():
    for file in FILES:
        text = (PACKAGE / file).read_text()
        assert "np.random.seed" not in text, file
        assert "manual_seed(" not in text or "fork_rng(" in text or file == "seeds.py", file


PRIVATE = re.compile(r"\.(_storage|_trial_id|_study_id|_backend)\b|\boptuna(\.\w+)*\._\w+")


def test_nothing_private_of_optuna_is_used():
    """What it promises to keep has no leading underscore; no name of ours in the room is one of its private ones."""
    used = [
        f"{path.name}: {found[0]}" for path in PACKAGE.rglob("*.py") for found in PRIVATE.finditer(path.read_text())
    ]
    assert not used
