"""Searches in any storage, and workers at them: threads with a connection of their own."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import numpy as np
from generators.searches import FakeObjective, FakeProxy

from geosearch.mixture.baselines import baseline_weights
from geosearch.mixture.hull import Hull
from geosearch.runtime.progress import Log
from geosearch.search.loop import Search
from geosearch.search.options import SearchOptions
from geosearch.search.process import ProcessId
from geosearch.search.space import Space
from geosearch.search.storage.urls import Heartbeat
from geosearch.search.study_store import StudyStore
from geosearch.search.worker import Worker

BUDGET = 6
HURRIED = Heartbeat(interval=1, grace_period=2)
ELSEWHERE = ProcessId("elsewhere", 1, started="1")


def toy_search(url, objective=None, proxy=None, **options) -> Search:
    """Three sources, a known surface, two baseline_weights first; a new connection at every call."""
    hull = Hull(np.diag([1.0, 2.0, 3.0]) + 1.0, np.eye(3) * 2 + 1.0)
    store = StudyStore.open(url, "toy", {"study.seed": 0}, Space(3))
    roles = dict(list(baseline_weights(["a", "b", "c"], [100, 200, 300], hull).items())[:2])
    chosen = SearchOptions(**{"evaluations": BUDGET, "batch": 3, "sampler": "random", "jobs": 1, **options})
    return Search(store, objective or FakeObjective(), hull, proxy or FakeProxy(), roles, chosen, Log())


def essence(search):
    """What must not depend on interruptions."""
    return [
        (t.round, t.index, t.role, t.weights, t.concentration, t.pairing, t.state, t.error)
        for t in search.store.trials()
    ]


def work(url, objective=None, heartbeat=HURRIED, **options) -> Search:
    """One worker, from its start to the end."""
    search = toy_search(url, objective, **options)
    Worker(search, heartbeat=heartbeat).run()
    return search


@contextmanager
def side_by_side(url, objectives, **options):
    """A worker in a thread for each objective; what any of them raised is raised at the end."""
    raised = []

    def run(objective):
        try:
            work(url, objective, **options)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(objective,)) for objective in objectives]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
