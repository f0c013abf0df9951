"""Parallel execution: in processes of this machine, or on a Dask or Ray cluster."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

from geosearch.errors import GeosearchError, InvalidOptionError

TIMEOUT = 10.0  # seconds to wait for a scheduler
_CLUSTERS = ("DaskDistributedBackend", "RayBackend")  # joblib's backends
_WATCHER = "geosearch-parent-watch"


@contextmanager
def engine(address: str | None) -> Iterator[None]:
    """Context within which `in_processes` computes on a cluster; on this machine if the address is None.

    Args:
        address: ``dask://HOST:PORT``, the scheduler of a Dask cluster, whose workers must have geosearch installed and
            one thread each; or ``ray``, the Ray cluster that this machine is part of (``$RAY_ADDRESS``, or the one
            that runs here).

    >>> with engine(None):
    ...     list(in_processes([(pow, (2, 3)), (pow, (3, 2))], jobs=1))
    [8, 9]

    Raises:
        InvalidOptionError: an unknown kind of address, a missing package, or workers with several threads.
        GeosearchError: the cluster cannot be reached, has no workers, or lost them.
    """
    if address is None:
        yield
        return
    kind, _, place = address.partition("://")
    if address != "ray" and (kind != "dask" or not place.rpartition(":")[2].isdigit()):
        raise InvalidOptionError(
            f"no engine '{address}'; expected dask://HOST:PORT, the address of a Dask scheduler, or ray, the Ray "
            "cluster that this machine is part of"
        )
    package = {"dask": "distributed", "ray": "ray"}[kind]
    if find_spec(package) is None:
        raise InvalidOptionError(f"--parallel {address} needs the package {package}; pip install 'geosearch[{kind}]'")
    with _ray() if kind == "ray" else _dask(f"tcp://{place}"):
        yield


def is_distributed() -> bool:
    """Whether joblib computes on a cluster now."""
    backend, _ = get_active_backend()
    return type(backend).__name__ in _CLUSTERS


def in_processes(calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]], jobs: int) -> Iterable[Any]:
    """Compute calls in parallel; yield their results in order.

    Each is computed with one thread, so that results do not depend on `jobs`.

    Args:
        calls: (function, arguments).
        jobs: number of processes; within an `engine`, all of its workers are used instead.

    Raises:
        GeosearchError: a process was killed.
    """
    if is_distributed():
        streams = getattr(get_active_backend()[0], "supports_return_generator", False)  # Ray's returns a list only
        workers = Parallel(n_jobs=-1, batch_size=1, return_as="generator" if streams else "list")
        yield from workers(delayed(_call_with_one_thread)(function, *arguments) for function, arguments in calls)
    elif jobs == 1 or len(calls) <= 1:
        for function, arguments in calls:
            yield _call_with_one_thread(function, *arguments)
    else:
        workers = Parallel(n_jobs=min(jobs, len(calls)), return_as="generator")
        try:
            yield from workers(
                delayed(_call_in_child)(os.getpid(), function, arguments) for function, arguments in calls
            )
        except TerminatedWorkerError as error:
            raise GeosearchError(
                "a training process was killed, most likely because memory ran out; nothing is lost: "
                "lower search.jobs, or free some memory, and run the same command again"
            ) from error


def _call_in_child(parent: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    if not any(thread.name == _WATCHER for thread in threading.enumerate()):
        exit_with_parent(parent)
    return _call_with_one_thread(function, *arguments)


def _call_with_one_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    with one_thread():
        return function(*arguments)


def exit_with_parent(parent: int) -> None:
    """Exit this process when its parent ends, so that no training goes on after a search was killed."""
    threading.Thread(target=_exit_when_gone, args=(parent,), name=_WATCHER, daemon=True).start()


def _exit_when_gone(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Context (or decorator) that computes with one thread, so that sums do not depend on how they are split."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _dask(scheduler: str) -> Iterator[None]:
    from distributed import Client, KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        client = Client(scheduler, timeout=TIMEOUT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise GeosearchError(f"no Dask scheduler answers at {scheduler}; start it with 'dask scheduler'") from error
    with client:
        threads = client.nthreads()
        if not threads:
            raise GeosearchError(f"the Dask cluster at {scheduler} has no workers; start some: dask worker {scheduler}")
        if max(threads.values()) > 1:
            raise InvalidOptionError(
                "workers of the Dask cluster have several threads, and numbers depend on how sums are split; "
                f"start them with one thread each: dask worker {scheduler} --nworkers N --nthreads 1"
            )
        try:
            with parallel_config("dask", client=client):
                yield
        except (KilledWorker, CommClosedError) as error:
            raise GeosearchError(
                f"the Dask cluster lost its workers: {error}; nothing completed is lost: run the same command again"
            ) from error


@contextmanager
def _ray() -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    try:
        ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise GeosearchError(
            "no Ray cluster is running on this machine; start one with 'ray start --head', or name one in RAY_ADDRESS"
        ) from error
    try:
        register_ray()
        with parallel_config("ray"):
            yield
    except ray.exceptions.RayTaskError as error:
        raise error.cause or error from None  # the error itself, without Ray's traceback of the worker
    except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.ObjectLostError) as error:
        raise GeosearchError(
            f"the Ray cluster lost its workers: {error}; nothing completed is lost: run the same command again"
        ) from error
    finally:
        ray.shutdown()
