"""How long does the quickstart take, and where does the time go?

    python -m research.machine.quickstart

Runs `geosearch search studies/quickstart.toml` in an empty folder with an empty cache, and `geosearch --help`.
Answer on two cores: see reports/speed.md (bounds: 180 s, and 0.5 s for --help).
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = Path(__file__).parents[2] / "studies" / "quickstart.toml"


def timed(arguments: list[str], folder: str) -> tuple[float, str]:
    environment = {**os.environ, "GEOSEARCH_CACHE": f"{folder}/cache"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "geosearch.cli.main", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        helps = sorted(timed(["--help"], folder)[0] for _ in range(5))
        print(f"geosearch --help      {helps[2]:8.2f} s (median of 5)")
        shutil.copy(STUDY, folder)
        seconds, _ = timed(["search", STUDY.name], folder)
        print(f"quickstart, total     {seconds:8.1f} s")
        os.chdir(folder)
        from geosearch.study.study import Study

        for stage, spent in Study.open("quickstart").store.record.stage_seconds.items():
            print(f"  {stage:<20}{spent:8.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
        print(f"peak memory of its largest process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
