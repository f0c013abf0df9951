"""What the README and the documentation promise: Python lines run, commands parse, links and pictures exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from generators.models import labelled, trained_model
from generators.studies import tiny, write_toml

from geosearch.cli.main import app
from geosearch.config.reference import options_table
from geosearch.model.files import write_model

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
REPORTS = sorted((ROOT / "reports").rglob("*.md"))
INCLUDE = re.compile(r"<!-- include (\S+) -->")


def blocks(language: str, page: Path) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M)


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 130


def test_the_python_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """On a study that is over in seconds, in place of the quickstart."""
    monkeypatch.chdir(tmp_path)
    write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    (code,) = blocks("python", README)
    exec(compile(code.replace("studies/quickstart.toml", "tiny.toml"), "README.md", "exec"), {})
    assert "retraining on" in capsys.readouterr().out
    assert (tmp_path / "my-mixture" / "CARD.md").exists()
    assert (tmp_path / "reports" / "tiny" / "index.html").exists()


@pytest.mark.parametrize(
    ("page", "code"),
    [(page.name, code) for page in PAGES[1:] for code in blocks("python", page)],
    ids=lambda text: text if text.endswith(".md") else "",
)
def test_the_python_lines_of_a_page_run(page, code, tmp_path, monkeypatch):
    """In a folder with the model and the images that a page about models speaks of."""
    monkeypatch.chdir(tmp_path)
    names = {}
    if "load_model" in code:
        write_model(trained_model(), tmp_path / "digits-model")
        names["images"] = labelled().images
    exec(compile(code, page, "exec"), names)


def commands() -> list[str]:
    lines = [line.split("#")[0] for page in PAGES for block in blocks("sh", page) for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split("&+", line)]
    return sorted({part for part in parts if part.startswith("geosearch")})


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command):
    name, *arguments = shlex.split(command)[1:]
    whole = typer.main.get_command(app)
    whole.get_command(whole.make_context("geosearch", [name]), name).make_context(name, arguments)


def known_keys() -> dict[str, set[str]]:
    """Section -> keys, as in the reference of study files."""
    sections = re.split(r"^### `\[(\w+)\]`$", options_table(), flags=re.M)[1:]
    return {
        name: set(re.findall(r"^\| `(\w+)` \|", text, re.M))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_of_a_study_file_is_one(page):
    known, named = known_keys(), []
    for block in blocks("toml", page):
        named += [f"{section}.{key}" for section, keys in tomllib.loads(block).items() for key in keys]
    named += re.findall(rf"`((?:{'|'.join(known)})\.[a-z_]+)(?:`| = )", page.read_text())
    assert [name for name in named if name.split(".")[1] not in known[name.split(".")[0]]] == []


@pytest.mark.parametrize("page", [*PAGES, *REPORTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = re.sub(r"`[^`\n]*`", "", page.read_text())
    links = {*re.findall(r"\]\((?!http)([^)#\s]+)", text), *(f"{ROOT}/{file}" for file in INCLUDE.findall(text))}
    assert [link for link in sorted(links) if not (page.parent / link).exists()] == []
