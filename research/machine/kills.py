"""Does a study survive being killed at any moment, over and over?

    python -m research.machine.kills --kills 200 --out reports/data/kills.jsonl
    python -m research.machine.kills --table reports/data/kills.jsonl

A small real study (three sets, ten trials, race, confirmation, export, report) is killed one to four times in each of
its lives, by SIGKILL, SIGTERM or SIGINT, half of the time at a random moment and half of the time before, within or
after a random call of a random place (tests/chaos/kills.py); then it runs to its end. After every kill and at the end
of every life everything on the disk is compared with an uninterrupted run. In every tenth life trainings run in two
processes. A kill that came too late, when the run was over, does not count.

Answer: reports/robustness.md.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from chaos import kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        print(table([json.loads(line) for line in options.table.read_text().splitlines()]))
    else:
        run(options.kills, options.seed, options.out)


def run(wanted: int, seed: int, out: Path | None) -> None:
    """Lives until so many kills have hit; one JSON line per kill."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        calls = kills.count(born(folder, "counted"))
        start = time.monotonic()
        atomic_dir = born(folder, "whole")
        assert kills.live(atomic_dir) == 0
        length, whole = time.monotonic() - start, kills.left(atomic_dir)
        done = life = 0
        while done < wanted:
            life += 1
            jobs = 2 if life % 10 == 0 else 1
            planned = [kills.random_kill(rng, calls, length) for _ in range(rng.randint(1, 4))]
            line = {"life": life, "jobs": jobs}
            try:
                ends = kills.lives(born(folder, f"life-{life}"), planned, whole, jobs)
                verdict = "as if never killed"
            except AssertionError as difference:
                ends, verdict = [], f"DIFFERS: {difference}"[:2000]
                print(planned, verdict, flush=True)
            for kill, (code, trials) in zip(planned, ends or [(None, None)] * len(planned), strict=True):
                if code != 0:
                    done += 1
                    note(out, {**line, **facts(kill), "exit": code, "trials": trials, "verdict": verdict})
            print(f"{done} kills in {life} lives, {time.monotonic() - start:.0f} s", flush=True)


def born(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    kills.write_study(path)
    return path


def facts(kill: kills.Kill) -> dict[str, object]:
    if kill.place == "moment":
        return {"signal": kill.how.name, "place": "moment", "seconds": round(kill.seconds, 2)}
    return {"signal": kill.how.name, "place": kill.place, "call": kill.call, "when": kill.when}


def note(out: Path | None, line: dict[str, object]) -> None:
    if out:
        with out.open("a") as file:
            print(json.dumps(line), file=file)


def table(lines: list[dict[str, object]]) -> str:
    """Kills by place and signal, and how the lives ended."""
    names = [how.name for how in kills.SIGNALS]
    counted = Counter((line["place"], line["signal"]) for line in lines)
    differing = {(line["place"], line["life"]) for line in lines if line["verdict"] != "as if never killed"}
    rows = [f"| killed at | {' | '.join(names)} | lives that ended differently |", "| --- |" + " ---: |" * 4]
    places = ["moment", *kills.PLACES]
    for place in places:
        cells = " | ".join(str(counted[place, name]) for name in names)
        rows.append(f"| {place} | {cells} | {sum(where == place for where, _ in differing)} |")
    totals = " | ".join(str(sum(counted[place, name] for place in places)) for name in names)
    rows.append(f"| all | {totals} | {len({life for _, life in differing})} |")
    ends = Counter(
        "unknown"
        if line["exit"] is None
        else "killed outright"
        if line["exit"] in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
        else "stopped in order"
        for line in lines
    )
    trials = [line["trials"] for line in lines]
    return "\n".join(
        [
            *rows,
            "",
            f"{len(lines)} kills in {len({line['life'] for line in lines})} lives: "
            f"{ends['killed outright']} ended at once, {ends['stopped in order']} with a message; "
            f"completed trials at the kill: none in {trials.count(0)}, all 10 in {trials.count(10)}.",
        ]
    )


if __name__ == "__main__":
    main()
