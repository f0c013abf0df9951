"""What does the command line do with inputs that are a little wrong?

    python -m research.machine.rubbish --inputs 2400

Every kind of input in turn (tests/fuzz/kinds.py), mutated: commands must end with exit code 0 or 2 and a message,
within 10 s of computing and 4 GiB, write nothing outside their folder, load no pickle, and keep passwords secret.

Answer: reports/robustness.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from fuzz.kinds import KINDS, Stage


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2400)
    parser.add_argument("--first", type=int, default=0, help="number of the first input; each has a seed of its own")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    codes: dict[str, Counter] = defaultdict(Counter)
    longest: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.set(Path(folder))
        start = time.monotonic()
        for number in range(options.first, options.first + options.inputs):
            kind = options.kinds[number % len(options.kinds)]
            outcome = KINDS[kind](random.Random(number), stage)
            codes[kind][outcome.code if not outcome.problem else "problem"] += 1
            longest[kind] = max(longest[kind], outcome.seconds)
            if outcome.problem:
                print(f"--- {kind} {number}: {outcome.problem}", flush=True)
    print("| kind of input | inputs | exit code 0 | exit code 2 | anything else | longest, s |")
    print("| --- |" + " ---: |" * 5)
    for kind in options.kinds:
        count = codes[kind]
        print(f"| {kind} | {count.total()} | {count[0]} | {count[2]} | {count['problem']} | {longest[kind]:.1f} |")
    print(f"\n{options.inputs} inputs, {time.monotonic() - start:.0f} s")
    return int(any(count["problem"] for count in codes.values()))


if __name__ == "__main__":
    sys.exit(main())
