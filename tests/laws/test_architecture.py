"""The house stands as drawn: imports go upwards only, and the guarded words are spoken in one room each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "geosearch"


def drawn_order() -> list[str]:
    """Files of the package in the order of ARCHITECTURE.md, as paths relative to geosearch/."""
    block = re.search(r"^geosearch/\n(.*?)^studies/", (ROOT / "ARCHITECTURE.md").read_text(), re.S | re.M).group(1)
    room, order = "", []
    for line in block.splitlines():
        if match := re.match(r"  (\w+)/ ", line):
            room = match[1] + "/"
        elif match := re.match(r"  (\w+\.py) ", line):
            order.append(match[1])
        elif match := re.match(r"    (\w+\.py) ", line):
            order.append(room + match[1])
    return order


def imports_of(path: Path) -> set[str]:
    """Files of the package that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
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


def test_every_file_is_drawn_and_every_drawn_file_exists():
    assert sorted(set(drawn_order()) - {"__init__.py"}) == FILES


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_what_stands_above_it(file):
    order = drawn_order()
    below = [other for other in imports_of(PACKAGE / file) if order.index(other) > order.index(file)]
    assert not below


def callers_of(attribute: str) -> set[str]:
    """Files in which an attribute of this name is called."""
    found = set()
    for file in FILES:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute:
                found.add(file)
    return found


def importers_of(module: str) -> set[str]:
    pattern = re.compile(rf"^\s*(from|import) {module}\b", re.M)
    return {file for file in FILES if pattern.search((PACKAGE / file).read_text())}


def test_test_labels_are_revealed_in_the_confirmation_alone():
    assert callers_of("reveal") == {"search/confirm.py"}


def test_trials_are_suggested_in_the_space_alone():
    assert callers_of("suggest_float") | callers_of("suggest_categorical") == {"search/space.py"}


def test_optimizers_step_in_the_two_training_loops_alone():
    assert callers_of("backward") == {"evaluate/train.py", "evaluate/map_training.py"}


def test_optuna_and_pot_have_one_room_each():
    assert {file for file in importers_of("optuna") if not file.startswith("search/")} == {"artifacts.py"}
    assert importers_of("ot") == {f"transport/{file}.py" for file in ("network_simplex", "unbalanced", "allocation")}


def calls_of(*names: str) -> list[tuple[str, ast.Call]]:
    """(file, call) of every call of a function or method of these names, e.g. "np.load" or "eval"."""
    return [
        (file, node)
        for file in FILES
        for node in ast.walk(ast.parse((PACKAGE / file).read_text()))
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
