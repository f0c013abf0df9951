"""What are the neighbours of the method worth? All measurements of this folder, by one command.

    python -m research.neighbours.run_all [--only wrong_labels weighting_tables ...] [--jobs 2]

Each part is a script of its own, `--jobs` of which run side by side, the longest first; what it measured already is not
measured again. The tables of reports/neighbours.md come last. Needs $GEOSEARCH_DATA, for the photographs with `photos/`
beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

TABLES = "_tables"  # how the names of scripts end that write tables
LONGEST = ("wrong_labels", "wrong_shots", "searched_augmentation", "augmentations")


def parts() -> list[str]:
    """The scripts of this folder: those that take longest, the other measurements, those that write tables."""
    names = {path.stem for path in Path(__file__).parent.glob("*.py")} - {Path(__file__).stem, "targets", "__init__"}
    return sorted(names, key=lambda name: (name.endswith(TABLES), (*LONGEST, name).index(name), name))


def run(part: str) -> None:
    print(f"== {part}", flush=True)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    subprocess.run([sys.executable, "-m", f"research.neighbours.{part}"], check=True, env={**os.environ, **one_thread})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=parts(), default=parts())
    parser.add_argument("--jobs", type=int, default=2, help="measurements side by side")
    options = parser.parse_args()
    asked = [part for part in parts() if part in options.only]
    with ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(run, part) for part in asked if not part.endswith(TABLES)]
        try:
            for one in as_completed(running):
                one.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what has not begun does not begin
            raise
    for part in (part for part in asked if part.endswith(TABLES)):  # they write the same page
        run(part)


if __name__ == "__main__":
    main()
