"""What do many workers at one study cost, and is anything lost or done twice, when half of them are killed?

    python -m research.machine.workers [--trials 64] [--seconds 0 1] [--uneven]

Evaluations are trivial (a known function, after a sleep of so many seconds), so what is measured is the storage and
the coordination. PostgreSQL needs the extra `dev`; the server is started in a temporary folder.

Answer: reports/scaling.md.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geosearch.mixture.baselines import baseline_weights
from geosearch.mixture.hull import Hull
from geosearch.mixture.weights import Weights
from geosearch.runtime.progress import Log
from geosearch.runtime.result_cache import Evaluation
from geosearch.search.loop import Search
from geosearch.search.options import SearchOptions
from geosearch.search.space import Space
from geosearch.search.storage.urls import Heartbeat
from geosearch.search.study_store import StudyStore
from geosearch.search.worker import Worker

BATCH = 8
GOAL = np.array([0.6, 0.3, 0.1])
HEARTBEAT = Heartbeat(interval=1, grace_period=10)
HEAD = f"{'storage':<12}{'workers':>8}{'killed':>8}{'sleep':>8}{'trials/s':>10}{'lost':>6}{'twice':>7}{'over':>6}"


@dataclass
class Trivial:
    """Evaluates a known function after a sleep: always as long, or as long as is drawn for the mixture."""

    seconds: float = 0.0
    uneven: bool = False

    def sleep(self, point: Weights) -> float:
        """Seconds; with `uneven` from an exponential distribution with the mean `seconds`."""
        if not self.uneven:
            return self.seconds
        digest = hashlib.sha256(repr(point.array.tolist()).encode()).digest()
        return -math.log1p(-int.from_bytes(digest[:4], "little") / 2**32) * self.seconds

    def evaluate_many(self, calls, *, jobs):
        found = []
        for point, *_ in calls:
            time.sleep(self.sleep(point))
            error = float(np.square(point.array - GOAL).sum())
            found.append(Evaluation("", error, error / 2, self.seconds))
        return found


class Proxy:
    """Says nothing."""

    def otdd(self, weights: Weights) -> float:
        return 1.0


def search_at(url: str, trials: int, seconds: float, uneven: bool = False) -> Search:
    hull = Hull(np.diag([1.0, 2.0, 3.0]) + 1.0, np.eye(3) * 2 + 1.0)
    store = StudyStore.open(url, "toy", {"study.seed": 0}, Space(3))
    options = SearchOptions(evaluations=trials, batch=BATCH, sampler="random")
    roles = baseline_weights(["a", "b", "c"], [100, 200, 300], hull)
    return Search(store, Trivial(seconds, uneven), hull, Proxy(), roles, options, Log())


def work(url: str, trials: int, seconds: float, uneven: bool, ready, go) -> None:
    search = search_at(url, trials, seconds, uneven)
    ready.release()
    go.wait()
    Worker(search, heartbeat=HEARTBEAT).run()


def measure(url: str, workers: int, killed: int, trials: int, seconds: float, uneven: bool) -> tuple[float, Search]:
    """Trials per second from the moment all have connected; `killed` of them get SIGKILL at half of the budget."""
    context = multiprocessing.get_context("fork")
    ready, go = context.Semaphore(0), context.Event()
    processes = [context.Process(target=work, args=(url, trials, seconds, uneven, ready, go)) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    search = search_at(url, trials, seconds)
    start = time.perf_counter()
    go.set()
    if killed:
        while search.left() > trials / 2:
            time.sleep(0.05)
        for process in processes[:killed]:
            os.kill(process.pid, signal.SIGKILL)
    for process in processes:
        process.join()
    done = sum(trial.state == "complete" for trial in search.store.trials())
    return done / (time.perf_counter() - start), search


def row(name: str, url: str, workers: int, killed: int, trials: int, seconds: float, uneven: bool) -> str:
    pace, search = measure(url, workers, killed, trials, seconds, uneven)
    done = Counter((t.round, t.index) for t in search.store.trials() if t.state == "complete")
    roles = Counter(t.role for t in search.store.trials() if t.state == "complete" and t.role in search.baselines)
    lost = max(trials - len(done), 0) + len(search.baselines) - len(roles)
    twice, over = done.total() - len(done) + roles.total() - len(roles), max(done.total() - trials, 0)
    return f"{name:<12}{workers:>8}{killed:>8}{seconds:>7.0f}s{pace:>10.2f}{lost:>6}{twice:>7}{over:>6}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seconds", type=float, nargs="+", default=[0, 1])
    parser.add_argument("--uneven", action="store_true", help="sleeps from an exponential distribution")
    chosen = parser.parse_args()

    import pgserver

    folder = Path(tempfile.mkdtemp(prefix="geosearch-workers-"))
    server = pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    print(f"{chosen.trials} trials, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at start")
    print(HEAD, flush=True)
    for number, (name, workers, killed, seconds) in enumerate(
        (name, workers, killed, seconds)
        for seconds in chosen.seconds
        for name, most in [("postgresql", 8), ("sqlite", 4), ("journal", 4)]
        for workers, killed in [(1, 0), (most, 0), (most, most // 2)]
    ):
        if name == "postgresql":
            server.psql(f"create database bench_{number};")
        url = {
            "postgresql": server.get_uri(f"bench_{number}"),
            "sqlite": f"sqlite:///{folder}/{number}.db",
            "journal": f"journal:{folder}/{number}.journal",
        }[name]
        print(row(name, url, workers, killed, chosen.trials, seconds, chosen.uneven), flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    server.cleanup()


if __name__ == "__main__":
    main()
