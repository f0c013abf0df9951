"""Everything that reports/transfer/ is made of, by one command; what is there already is not made again.

    python -m research.transfer.run_all [--only regimes predictors label_ceiling ...]
    python -m research.transfer.run_all --quick

Each part is a script of its own and can be run alone: where the choice of data pays (regimes.py), which cheap score
tells the final error (predictors.py), how good pseudo-labels are and what better ones could gain (pseudo_labels.py,
label_ceiling.py), what more unlabelled images and balanced labels gain (self_training.py), distance and error over
whole hulls (surfaces.py), targets in colour (colour.py), the search against everything else (contest.py). The results
lie in reports/data, one line a run. Just under six hours on two idle cores in all, by the processor seconds of the
parts, two thirds of them the contest's; `--quick` runs three short studies instead, in a few minutes, and keeps their
results apart. Needs $GEOSEARCH_DATA.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

GRIDS = ("mnist/3", "kmnist/3", "usps/3", "az_letters/3")  # the rest is what samplers are compared on
RUNS = (
    ("regimes",),
    ("predictors",),
    ("label_ceiling",),
    ("pseudo_labels",),
    ("self_training",),
    ("surfaces", "--shelves", *GRIDS, "--concentrations", "2"),
    ("colour", "--seeds", "1"),
    ("contest",),
    ("contest", "--shots", "5", "--balance", "1", "--targets", "fashion_mnist", "--rows"),
)
PARTS = tuple(dict.fromkeys(script for script, *_ in RUNS))
DRAWN = ("figures", "pages")


def run(script: str, *arguments: str) -> None:
    """One part in a process of its own; its failure ends the whole."""
    print(f"== {script} {' '.join(arguments)}".rstrip(), flush=True)
    subprocess.run([sys.executable, "-m", f"research.transfer.{script}", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="three short studies, a few minutes")
    options = parser.parse_args()
    if options.quick:
        run("contest", "--quick", "--seeds", "1", "--shots", "5", "--targets", "mnist", "usps", "kmnist", "--rows")
        run("standings", "--folder", "studies/transfer/quick")
        return
    for script, *arguments in RUNS:
        if script in options.only:
            run(script, *arguments)
    for script in DRAWN:
        run(script)


if __name__ == "__main__":
    main()
