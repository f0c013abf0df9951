"""What are the neighbours of the method worth? All measurements of this folder, by one command.

    python -m research.neighbours.run_all [--only wrong_labels weighting_tables ...]

Each part is a script of its own; what it measured already is not measured again. The tables of reports/neighbours.md
come last. Needs $GEOSEARCH_DATA, for the photographs with `photos/` beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TABLES = "_tables"  # how the names of scripts end that write tables


def parts() -> list[str]:
    """The scripts of this folder, those that write tables last."""
    names = {path.stem for path in Path(__file__).parent.glob("*.py")} - {Path(__file__).stem, "targets", "__init__"}
    return sorted(names, key=lambda name: (name.endswith(TABLES), name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=parts(), default=parts())
    asked = parser.parse_args().only
    for part in (one for one in parts() if one in asked):
        print(f"== {part}", flush=True)
        subprocess.run([sys.executable, "-m", f"research.neighbours.{part}"], check=True)


if __name__ == "__main__":
    main()
