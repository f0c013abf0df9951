"""The command line: its commands and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from geosearch import __version__
from geosearch.cli.check import check
from geosearch.cli.curate import curate
from geosearch.cli.dashboard import dashboard
from geosearch.cli.distance import distance
from geosearch.cli.domains import domains
from geosearch.cli.init import init
from geosearch.cli.label import label
from geosearch.cli.log import log_to_stderr
from geosearch.cli.model import model
from geosearch.cli.next import next
from geosearch.cli.options import options
from geosearch.cli.predict import predict
from geosearch.cli.report import report
from geosearch.cli.resume import resume
from geosearch.cli.search import search
from geosearch.cli.status import status
from geosearch.cli.streams import drop_output, open_streams
from geosearch.cli.synthesize import synthesize
from geosearch.cli.worker import worker
from geosearch.errors import GeosearchError
from geosearch.runtime.progress import Terminated

GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Search": (init, check, search, resume, worker),
    "Results of a study": (status, report, model, predict, next, synthesize, dashboard),
    "Data sets": (domains, distance, label, curate),
    "Reference": (options,),
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, limit on the size of files

app = typer.Typer(
    name="geosearch",
    epilog="Start with: geosearch search quickstart",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for group, commands in GROUPS.items():
    for command in commands:
        app.command(command.__name__, rich_help_panel=group)(command)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"geosearch {__version__}")
        raise typer.Exit


@app.callback()
def geosearch(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find, before you pay for training, the data set to pretrain on for a given target."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 on an error of the user's, 130 when interrupted, 143 when terminated."""
    if "_GEOSEARCH_COMPLETE" in os.environ:
        app(prog_name="geosearch")  # the shell asks for completions; this exits
    try:
        with open_streams():
            return _run(sys.argv[1:] if arguments is None else list(arguments))
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        with suppress(OSError):
            print(f"geosearch: {error.strerror}; make room and run the same command again", file=sys.stderr)
        return 2
    finally:
        drop_output()


def _run(arguments: list[str]) -> int:
    """Run a command and print its error."""
    try:
        _invoke(arguments)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        print(f"geosearch: {_usage_message(error)}", file=sys.stderr)
        return 2
    except GeosearchError as error:
        print(f"geosearch: {error}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        print(
            "geosearch: the machine ran out of memory; lower domain.size, domain.reference, domain.samples or "
            "recipe.batch, or use fewer processes ('geosearch check' estimates what a study needs). What was "
            "finished is kept: run the same command again to continue",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as request:
        advice = getattr(request, "__notes__", ["run the same command again"])[-1]
        print(f"\ngeosearch: stopped; {advice} to continue", file=sys.stderr)
        return 143 if isinstance(request, Terminated) else 130
    return 0


def _invoke(arguments: list[str]) -> None:
    """Parse the arguments and call the command; unlike Typer's own runner, let errors and interrupts pass."""
    whole = typer.main.get_command(app)
    with log_to_stderr(), whole.make_context("geosearch", arguments) as context:
        whole.invoke(context)


def _usage_message(error: typer.TyperException) -> str:
    """One line that says what is wrong with the arguments, with a hint at the help."""
    text = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "geosearch"
    text = text[:1].lower() + text[1:].replace(": Input", ": input")
    return f"{text}{' See' if text.endswith('?') else '; see'} '{command} --help'"


def _is_out_of_memory(error: Exception) -> bool:
    """NumPy raises MemoryError; torch raises RuntimeError, or its own subclass of it."""
    name, text = "OutOfMemoryError", "can't allocate memory"
    return isinstance(error, MemoryError) or type(error).__name__ == name or text in str(error)


if __name__ == "__main__":
    sys.exit(main())
