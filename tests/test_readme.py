"""What the README promises: its Python lines run, its commands parse, its links and pictures exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from generators.studies import tiny, write_toml

from geosearch.cli.main import app

ROOT = Path(__file__).parents[1]
README, SCALING = ((ROOT / name).read_text() for name in ("README.md", "SCALING.md"))


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def test_the_python_lines_run(tmp_path, monkeypatch, capsys):
    """On a study that is over in seconds, in place of the quickstart."""
    monkeypatch.chdir(tmp_path)
    write_toml(tmp_path / "tiny.toml", tiny(tmp_path))
    (code,) = blocks("python")
    exec(compile(code.replace("studies/quickstart.toml", "tiny.toml"), "README.md", "exec"), {})
    assert "retraining on" in capsys.readouterr().out
    assert (tmp_path / "my-mixture" / "CARD.md").exists()
    assert (tmp_path / "reports" / "tiny" / "index.html").exists()


def commands() -> list[str]:
    lines = [line.split("#")[0] for block in blocks("sh") + blocks("sh", SCALING) for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split("&+", line)]
    return sorted({part for part in parts if part.startswith("geosearch")})


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command):
    name, *arguments = shlex.split(command)[1:]
    whole = typer.main.get_command(app)
    whole.get_command(whole.make_context("geosearch", [name]), name).make_context(name, arguments)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_link_leads_somewhere(link):
    assert (ROOT / link).exists()
