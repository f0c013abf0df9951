"""The measurements under research/ still fit the package: whatever they import is there."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.relative_to(ROOT) for path in (ROOT / "research").rglob("*.py"))


def missing(node: ast.ImportFrom) -> list[str]:
    """Names that an import of the package or of another script does not find."""
    if node.module.startswith("research."):
        place = ROOT / Path(*node.module.split("."))
        known = {path.stem for path in place.glob("*.py")}
        if place.with_suffix(".py").is_file():
            defined = ast.walk(ast.parse(place.with_suffix(".py").read_text()))
            known = {getattr(one, "name", "") or getattr(one, "id", "") for one in defined}
        return [alias.name for alias in node.names if alias.name not in known]
    module = import_module(node.module)
    return [alias.name for alias in node.names if not hasattr(module, alias.name) and not submodule(node, alias)]


def submodule(node: ast.ImportFrom, alias: ast.alias) -> bool:
    return (ROOT / Path(*node.module.split(".")) / f"{alias.name}.py").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_script_imports_what_is_there(script):
    nodes = [node for node in ast.walk(ast.parse((ROOT / script).read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if (node.module or "").startswith(("geosearch", "research."))]
    assert {node.module: names for node in ours if (names := missing(node))} == {}


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.parts[1] != "common"], ids=str)
def test_a_script_says_its_question_and_its_command(script):
    text = ast.get_docstring(ast.parse((ROOT / script).read_text()))
    assert text
    if "__main__" in (ROOT / script).read_text():
        assert f"python -m {'.'.join(script.with_suffix('').parts)}" in text
