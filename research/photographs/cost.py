"""What does a study with a pretrained network cost, and does `geosearch check` foretell it?

    python -m research.photographs.cost [--images 4000] [--evaluations 24] [--targets rsscn7 trash] [--way NAME]

Six sources of 4,000 photographs (`shelf.py`), five labels a class, the library's defaults and a deep union of four
stages, as `geosearch init` proposes; `geosearch check` and `geosearch search` as a user runs them, on two processes.
The second target finds the shelf and the deep union in the cache. Processor seconds are those of all processes, peak
memory is what all of them hold together (a page that several share is counted once), read every three seconds.
Results: reports/data/photographs_cost.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geosearch.study.study import Study
from research.common.lines import Lines
from research.common.page import fill
from research.photographs.sets import FOLDER
from research.photographs.shelf import IMAGES, TARGETS, write_shelf
from research.photographs.study_files import as_toml, sections_of
from research.photographs.tables import PAGE

FILE = Lines(FOLDER / "photographs_cost.jsonl")
PLACE = Path(tempfile.gettempdir()) / "geosearch-photographs-cost"
SHOTS, JOBS = 5, 2
SHOWN = ("encoding", "maps", "search", "deep union", "confirmation")
STAGES = ("load", "transport", "evaluations", "finalists", "deep union", "confirmation")  # of the table


def measured(target: str, images: int, evaluations: int, way: str) -> dict[str, Any]:
    """Seconds, peak memory and stages of the study of a target, and what `check` says before it.

    Args:
        target: one of `TARGETS`; the first one of a shelf has to encode it.
        images: of each source.
        evaluations: of the search.
        way: a name; each has a cache of its own.
    """
    place = PLACE / f"{way}-{images}"
    sources = [f"npz:{path}" for path in write_shelf(PLACE / f"shelf-{images}", images)]
    name = f"{target}-{evaluations}"
    changes = {
        "study": {"name": name},
        "domain": {"sources": sources},
        "search": {"evaluations": evaluations, "jobs": JOBS, "stop": "never"},
        "recipe": {"union_stages": 4},
    }
    place.mkdir(parents=True, exist_ok=True)
    (path := place / f"{name}.toml").write_text(as_toml(sections_of(target, SHOTS, 0, changes)))
    checked = run(["check", path.name, "--json"], place)
    searched = run(["search", path.name], place)
    study = Study.open(place / "studies" / f"{name}.db")
    return {
        "check": {key: round(value, 2) for key, value in checked.items() if key != "output"},
        "foretold": {
            "seconds": round(json.loads(checked["output"])["wall_seconds"]),
            "bytes": json.loads(checked["output"])["peak_bytes"],
        },
        "search": {key: round(value, 2) for key, value in searched.items() if key != "output"},
        "stages": {stage: round(seconds, 1) for stage, seconds in study.summary().stages},
        "verdict": study.confirmation.verdict() if study.confirmation else "",
    }


def run(arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run geosearch in a folder, whose own cache it has; seconds, processor seconds, peak bytes and output.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "GEOSEARCH_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "geosearch.cli.main", *arguments]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak, over = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, over))
    watch.start()
    output, errors = process.communicate()
    over.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{errors[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak[0], "output": output}


def table() -> list[str]:
    """A row for each target, in the order of the runs."""
    lines = [
        "| target | foretold | took | processor time | peak memory | " + " | ".join(SHOWN) + " |",
        "| --- " * (5 + len(SHOWN)) + "|",
    ]
    for line in FILE.all():
        asked, stages = line["asked"], {**dict.fromkeys(STAGES, 0.0), **line["stages"]}
        minutes = [line["foretold"]["seconds"], line["search"]["seconds"], line["search"]["processor_seconds"]]
        minutes += [stages["load"], stages["transport"], stages["evaluations"] + stages["finalists"]]
        minutes.append(stages["deep union"])
        first, second, third, *rest = (f"{seconds / 60:.1f} min" for seconds in [*minutes, stages["confirmation"]])
        peak = f"{line['search']['peak_bytes'] / 2**30:.1f} GiB"
        lines.append("| " + " | ".join([asked["target"], first, second, third, peak, *rest]) + " |")
    return lines


def _watch(root: int, peak: list[int], over: threading.Event) -> None:
    while not over.wait(3.0):
        peak[0] = max(peak[0], sum(map(_held, _tree(root))))


def _tree(root: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{root}/task").glob("*/children")]
    except OSError:  # it has ended
        return []
    return [root, *(one for text in lists for child in text.split() for one in _tree(int(child)))]


def _held(process: int) -> int:
    """Bytes of a process, a page that n processes share as 1/n of it; files that are mapped count as they are read."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--evaluations", type=int, default=24)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--way", default="now", help="name of the line, e.g. of a version of the code")
    options = parser.parse_args()
    FILE.fill(
        [
            (
                {"way": options.way, "images": options.images, "target": target},
                measured,
                (target, options.images, options.evaluations, options.way),
            )
            for target in options.targets
        ],
        jobs=1,
    )
    fill(PAGE, [("cost", table)])


if __name__ == "__main__":
    main()
