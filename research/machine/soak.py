"""Does a long search in one process hold on to memory or files?

    python -m research.machine.soak --trials 500

A real study on small sets whose trainings take one step. Resident memory and open files are read after every trial;
growth is counted from trial 100, when everything that is loaded once has been loaded.

Answer: reports/robustness.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from generators.studies import tiny_file

from geosearch.runtime.cache import Cache
from geosearch.runtime.events import Event, TrialFinished
from geosearch.study.study import Study

WARM = 100  # trials
WINDOW = 25  # trials whose median is compared: resident memory goes up and down


class Meter:
    """A progress that reads the process's memory and files after every trial."""

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self.files: list[int] = []

    def event(self, event: Event) -> None:
        if isinstance(event, TrialFinished):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.bytes.append(pages * resource.getpagesize())
            self.files.append(len(os.listdir("/proc/self/fd")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    meter = Meter()
    few = {"search_finalists": 1, "search_repeats": 1, "recipe_steps": 1, "recipe_long_steps": 1, "confirm_seeds": 1}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = tiny_file(Path(folder), search_evaluations=trials, **few)
        file = file.model_copy(
            update={
                "search": file.search.model_copy(update={"sampler": "random", "storage": f"sqlite:///{folder}/s.db"})
            }
        )
        Study.open(file, cache=Cache(Path(folder) / "cache"), progress=meter).run()
    warm = statistics.median(meter.bytes[WARM : WARM + WINDOW])
    last = statistics.median(meter.bytes[-WINDOW:])
    print(f"{len(meter.bytes)} trials in one process, {time.monotonic() - start:.0f} s")
    print(f"resident memory after {WARM} trials {warm / 2**20:.1f} MiB, at the end {last / 2**20:.1f} MiB")
    print(f"growth {100 * (last / warm - 1):+.1f} %")
    print(f"open files: {min(meter.files[WARM:])} to {max(meter.files[WARM:])}")


if __name__ == "__main__":
    main()
