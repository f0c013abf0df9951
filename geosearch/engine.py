"""Engine: where evaluations, maps and label tables are computed, when not in processes of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from joblib import parallel_config
from joblib.parallel import get_active_backend

from geosearch.errors import GeosearchError, InvalidOption

TIMEOUT = 10.0  # seconds to wait for a scheduler
_ENGINES = ("DaskDistributedBackend", "RayBackend")  # joblib's backends that leave this machine's own processes


@contextmanager
def engine(address: str | None) -> Iterator[None]:
    """Let joblib compute elsewhere within this context; here if the address is None.

    Args:
        address: ``dask://HOST:PORT``, the scheduler of a Dask cluster whose workers have geosearch installed and one
            thread each; or ``ray``, the Ray cluster that this machine is part of (``$RAY_ADDRESS``, or the one that
            runs here).

    Raises:
        InvalidOption: an address of no engine that is known, a missing package, workers with several threads.
        GeosearchError: the cluster cannot be reached, has no workers, or lost them.
    """
    if address is None:
        yield
        return
    kind, _, place = address.partition("://")
    if address != "ray" and (kind != "dask" or not place.rpartition(":")[2].isdigit()):
        raise InvalidOption(
            f"no engine '{address}'; expected dask://HOST:PORT, the address of a Dask scheduler, or ray, the Ray "
            "cluster that this machine is part of"
        )
    package = {"dask": "distributed", "ray": "ray"}[kind]
    if find_spec(package) is None:
        raise InvalidOption(f"--parallel {address} needs the package {package}; pip install 'geosearch[{kind}]'")
    with _ray() if kind == "ray" else _dask(f"tcp://{place}"):
        yield


def elsewhere() -> bool:
    """Whether calls of joblib leave this machine's own processes."""
    backend, _ = get_active_backend()
    return type(backend).__name__ in _ENGINES


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
            raise InvalidOption(
                "workers of the Dask cluster have several threads, and numbers depend on how sums are split; "
                f"start them with one thread each: dask worker {scheduler} --nworkers N --nthreads 1"
            )
        try:
            with parallel_config("dask", client=client):
                yield
        except (KilledWorker, CommClosedError) as error:
            raise GeosearchError(
                f"the Dask cluster lost its workers: {error}; nothing that was told is lost: run the same command again"
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
        raise error.cause from None  # what went wrong itself, not the story of where
    except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.ObjectLostError) as error:
        raise GeosearchError(
            f"the Ray cluster lost its workers: {error}; nothing that was told is lost: run the same command again"
        ) from error
    finally:
        ray.shutdown()
