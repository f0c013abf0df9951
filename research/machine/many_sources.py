"""What do forty sources cost? The same study with 8 and with 40, a whole command each, in processor seconds.

    python -m research.machine.many_sources [--table]

Sources are halves of the alphabets of the package's glyph families (200 images each, 16 px, no download), the target is
digits, and the study has its default settings but for shorter trainings. Each runs in an empty folder with an empty
cache. Results: reports/data/many_sources.jsonl and the table of reports/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from geosearch.study.study import Study
from research.common.glyph_sources import write_glyph_sources
from research.common.lines import Lines
from research.common.page import fill

REPORTS = Path(__file__).parents[2] / "reports"
LINES = Lines(REPORTS / "data" / "many_sources.jsonl")
COUNTS = (8, 40)
STUDY = """
[study]
name = "many"
[domain]
target = "digits"
sources = {sources}
shots = 5
size = 16
[search]
evaluations = 24
[recipe]
steps = 100
long_steps = 200
[confirm]
seeds = 2
"""


def cost(sources: int) -> dict[str, Any]:
    """Processor seconds and peak memory of a search with its confirmation, wall seconds of its stages, its rows."""
    with tempfile.TemporaryDirectory() as folder:
        written = json.dumps(write_glyph_sources(Path(folder), sources))
        (Path(folder) / "study.toml").write_text(STUDY.format(sources=written))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "geosearch.cli.main", "search", "study.toml"],
            cwd=folder,
            env={**os.environ, "GEOSEARCH_CACHE": f"{folder}/cache"},
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with chdir(folder):
            study = Study.open("many")
            stages = {stage: round(spent, 1) for stage, spent in study.store.record.stage_seconds.items()}
            rows = len(study.confirmation.rows)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor": round(processor, 1), "peak": round(after.ru_maxrss / 2**10), "stages": stages, "rows": rows}


def table() -> list[str]:
    """Markdown: what each number of sources cost, and their ratio."""
    few, many = ({line["asked"]["sources"]: line for line in LINES.all()}[count] for count in COUNTS)
    rows = [f"| | {COUNTS[0]} sources | {COUNTS[1]} sources | ratio |", "| --- | ---: | ---: | ---: |"]

    def add(name: str, one: float, other: float) -> None:
        rows.append(f"| {name} | {one:.0f} | {other:.0f} | {other / one:.2f} |")

    add("processor seconds", few["processor"], many["processor"])
    for stage, seconds in few["stages"].items():
        if seconds < 1:
            continue
        add(f"{stage}, wall seconds", seconds, many["stages"].get(stage, 0.0))
    add("rows of the confirmation", few["rows"], many["rows"])
    add("peak memory, MiB", few["peak"], many["peak"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="only write the table")
    if not parser.parse_args().table:
        LINES.fill([({"sources": count}, cost, (count,)) for count in COUNTS], jobs=1)
    fill(REPORTS / "scaling.md", [("many sources", table)])


if __name__ == "__main__":
    main()
