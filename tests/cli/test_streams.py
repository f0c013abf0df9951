"""Whatever standard output can show, and whether anybody reads it: every command prints to its end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from generators.studies import tiny, write_toml

from geosearch.cli.main import main

ENCODINGS = ("ascii", "gbk", "cp932", "euc_jp", "koi8-r", "iso8859-2", "big5", "utf-16", "utf-8")
SAY = """
import sys
from geosearch.cli import main
main.app.command("say")(lambda: print({!a}))
sys.exit(main.main(["say"]))
""".format("58 µs ± 1 −2 τ 猫")


def child(code, *, encoding=None, shell="", **environment):
    """Run Python code in a process of its own -> (exit code, output, error), as bytes."""
    env = {**os.environ, "PYTHONUTF8": "0", **environment}
    if encoding:
        env["PYTHONIOENCODING"] = encoding
    command = f'"$0" -c "$1" {shell}' if shell else None
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, code] if command else [sys.executable, "-c", code],
        capture_output=True, env=env, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def studied(tmp_path_factory, shared_cache):
    """A folder with a finished study, and in `log` what its search said, as nohup or a batch system keep it."""
    folder = tmp_path_factory.mktemp("studied")
    here = Path.cwd()
    os.environ["GEOSEARCH_CACHE"] = str(shared_cache.folder)
    try:
        os.chdir(folder)
        with (folder / "log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
            assert main(["search", str(write_toml(folder / "tiny.toml", tiny(folder)))]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_encoding_cannot_show_is_printed_as_something_similar(encoding):
    code, out, err = child(SAY, encoding=encoding)
    assert (code, err) == (0, b"")
    shown = out.decode(encoding).strip()
    assert shown.startswith("58 ")
    if encoding == "ascii":
        assert shown == "58 us +- 1 -2 ? ?"
    if encoding == "utf-8":
        assert shown == "58 µs ± 1 −2 τ 猫"


def test_a_search_whose_output_goes_to_a_file_says_a_line_a_stage_and_a_trial(studied):
    lines = (studied / "log").read_text().splitlines()
    trials = [line for line in lines if re.search(r"trial \d+ \(.*\): squared error .* \[\d+ of 10\]", line)]
    assert len(trials) == 10
    last = max(map(lines.index, trials))
    for stage in ("search", "confirm"):
        assert any(stage in line and line not in trials for line in lines), lines
    assert last < len(lines) - 1


def test_the_c_locale_is_enough():
    code, out, err = child(SAY, LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert (code, err, out) == (0, b"", b"58 us +- 1 -2 ? ?\n")


@pytest.mark.parametrize("encoding", ["ascii", *(pytest.param(one, marks=pytest.mark.slow) for one in ("gbk", "big5"))])
def test_status_ends_in_every_encoding(studied, monkeypatch, encoding):
    monkeypatch.chdir(studied)
    code = "import sys; from geosearch.cli.main import main; sys.exit(main(['status', 'tiny']))"
    status, out, err = child(code, encoding=encoding)
    assert status == 0, err
    assert "best mixture" in out.decode(encoding)


def test_a_reader_that_goes_away_is_no_error():
    many = "from geosearch.cli import main; main.app.command('say')(lambda: print('x\\n' * 100_000)); import sys; "
    many += "sys.exit(main.main(['say']))"
    code, out, err = child(many, shell="| head -1; exit ${PIPESTATUS[0]}")
    assert (code, out, err) == (0, b"x\n", b"")
    once = many.replace("100_000", "1")  # shorter than the buffer: it is written at the very end
    code, _, err = child(once, shell="| true; exit ${PIPESTATUS[0]}")
    assert (code, err) == (0, b"")


def test_a_full_disk_behind_standard_output_is_one_message():
    code, _, err = child(SAY, encoding="utf-8", shell="> /dev/full")
    assert code == 2
    assert err.decode().startswith("geosearch: No space left on device; make room")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_take_nothing(tmp_path, closed):
    """A file that is opened must not become standard output, or prints would go into it."""
    path = tmp_path / "mine.txt"
    code = f"""
import os, sys
from geosearch.cli import main
def write():
    with open({str(path)!r}, "w") as file:
        assert file.fileno() > 2
        print("lost"), print("lost", file=sys.stderr), os.write(1, b"lost")
        file.write("kept")
main.app.command("write")(write)
sys.exit(main.main(["write"]))
"""
    assert child(code, shell=closed)[0] == 0
    assert path.read_text() == "kept"


def test_what_is_written_to_files_stays_utf8(studied):
    page = (studied / "reports" / "tiny" / "index.html").read_bytes()
    assert "±" in page.decode("utf-8") or "−" in page.decode("utf-8")
