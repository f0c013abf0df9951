"""Dask and Ray: the same numbers as here, from two workers of a real cluster; what cannot be used is refused."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from generators.sets import blobs

from geosearch.adaptation.ridge import RidgeHead
from geosearch.embeddings.pixels import Pixels
from geosearch.errors import GeosearchError, InvalidOptionError
from geosearch.mixture.anchors import build_anchors
from geosearch.mixture.weights import Weights
from geosearch.nn.networks import SmallConv
from geosearch.nn.recipe import Recipe
from geosearch.runtime.cache import Cache
from geosearch.runtime.parallel import engine, in_processes, is_distributed
from geosearch.search.objective import Objective


def test_a_ray_cluster_that_is_not_there_is_said_so(monkeypatch):
    """First of all: a cluster of this machine is found by its traces."""
    pytest.importorskip("ray", reason="no Ray; pip install 'geosearch[ray]'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(GeosearchError, match="no Ray cluster is running on this machine; start one"), engine("ray"):
        pass


@pytest.fixture(scope="module", params=["dask", "ray"])
def cluster(request):
    """The address of a cluster with two workers: of Dask in this process over TCP, of Ray in processes of its own."""
    if request.param == "dask":
        distributed = pytest.importorskip("distributed", reason="no Dask; pip install 'geosearch[dask]'")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0"
        ) as made:
            yield address_of(made)
        return
    pytest.importorskip("ray", reason="no Ray; pip install 'geosearch[ray]'")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        patch.setenv("RAY_ADDRESS", made.address)
        yield "ray"
        made.shutdown()


def address_of(cluster) -> str:
    return f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"


def objective_in(folder) -> Objective:
    """A target and two sources, mapped, trained on and judged in no time; nothing of it is cached yet."""
    shots, reference = blobs("target", 4, 3, seed=0), blobs("target", 4, 15, seed=1)
    sources = [blobs("near", 4, 15, seed=2), blobs("far", 5, 15, seed=3, shift=7)]
    cache = Cache(folder)
    anchors = build_anchors(reference, sources, Pixels().fit(sources, seed=0, cache=cache), cache=cache, jobs=2)
    recipe = Recipe(network=SmallConv(width=4), steps=3, batch=8)
    return Objective(anchors, shots, recipe, RidgeHead(), cache, seed=0)


CALLS = [(Weights.of([a, 1 - a], float("inf"), "transport"), None, 0) for a in (0.0, 0.3, 1.0)]


def where_from(_: object) -> str:
    time.sleep(0.2)  # so that no worker can take all
    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):  # a worker of Ray is a process
        return str(os.getpid())


def test_maps_label_tables_and_evaluations_are_the_same_numbers_elsewhere(cluster, tmp_path):
    here = objective_in(tmp_path / "here")
    expected = here.evaluate_many(CALLS, jobs=1)
    with engine(cluster):
        assert is_distributed()
        there = objective_in(tmp_path / "there")
        found = there.evaluate_many(CALLS, jobs=1)
    assert not is_distributed()
    for one, other in zip(here.anchors.sources, there.anchors.sources, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.z, other.z)
    assert [e.squared_error for e in found] == [e.squared_error for e in expected]


def test_calls_are_spread_over_the_workers(cluster):
    with engine(cluster):
        places = list(in_processes([(where_from, (i,)) for i in range(8)], jobs=1))
    assert len(set(places)) == 2


def refuses(_: object) -> None:
    raise InvalidOptionError("expected this, got that")


def test_an_error_there_is_the_same_error_here(cluster):
    with pytest.raises(InvalidOptionError, match=r"^expected this, got that$"), engine(cluster):
        list(in_processes([(refuses, (i,)) for i in range(2)], jobs=1))


def test_a_process_that_is_killed_is_one_sentence():
    calls = [(pow, (2, 3)), (signal.raise_signal, (signal.SIGKILL,))]
    with pytest.raises(GeosearchError, match=r"was killed.*lower search\.jobs"):
        list(in_processes(calls, jobs=2))


def test_an_objective_says_how_large_it_is(tmp_path):
    objective = objective_in(tmp_path)
    assert objective.__sizeof__() > sum(source.images.nbytes for source in objective.anchors.sources)


@pytest.mark.parametrize("address", ["ray://host:10001", "rays", "dask", "dask://host", "dask:8786", "localhost:8786"])
def test_addresses_of_no_engine_are_refused(address):
    with pytest.raises(InvalidOptionError, match="expected dask://HOST:PORT"), engine(address):
        pass


def test_a_scheduler_that_is_not_there_is_named(monkeypatch):
    pytest.importorskip("distributed", reason="no Dask; pip install 'geosearch[dask]'")
    monkeypatch.setattr("geosearch.runtime.parallel.TIMEOUT", 0.3)
    with (
        pytest.raises(GeosearchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        engine("dask://127.0.0.1:9"),
    ):
        pass


def test_workers_with_several_threads_are_refused():
    distributed = pytest.importorskip("distributed", reason="no Dask; pip install 'geosearch[dask]'")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=":0"
        ) as made,
        pytest.raises(InvalidOptionError, match="--nthreads 1"),
        engine(address_of(made)),
    ):
        pass


def test_no_engine_is_here():
    with engine(None):
        assert not is_distributed()
