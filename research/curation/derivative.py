"""How long does the dataset derivative of 100,000 samples x 512 features x 10 classes take, and in how much memory?

    OMP_NUM_THREADS=2 python -m research.curation.derivative

Goal: at most 10 s on two cores and 2 GiB. The penalty is given; `--choose` adds its choice from a grid of 13.
Results: reports/curation.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np

from geosearch.curation.influence import dataset_derivative
from geosearch.runtime.events import DerivativeComputed, Event


class Percent:
    """Prints how far it is."""

    def event(self, event: Event) -> None:
        if isinstance(event, DerivativeComputed):
            print(f"\rderivative: {100 * event.done // event.total} %", end="", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--choose", action="store_true", help="choose the penalty too")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((options.samples, options.features), dtype=np.float32)
    labels = (x[:, : options.classes] + rng.standard_normal((options.samples, options.classes))).argmax(1)
    y = np.eye(options.classes)[labels]
    load, start, busy = os.getloadavg()[0], time.perf_counter(), time.process_time()
    found = dataset_derivative(x, y, ridge=None if options.choose else 100.0, progress=Percent())
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\r{options.samples:,} x {options.features} x {options.classes}: {seconds:.1f} s on the clock, "
        f"{busy:.1f} s of processor, peak {peak:.2f} GiB, data included; loss {found.loss:.4f}; "
        f"load average before {load:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
