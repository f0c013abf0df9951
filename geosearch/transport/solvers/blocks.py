"""Blocks: the (n, p) cost matrix as row blocks on a device, stored or recomputed at every pass."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

_FRESH_ROWS = 192  # of a block made anew: enough that a product reads its other side seldom
_SHARED_PAIRS = 2**19  # a cost of fewer pairs is not worth a second thread
_FILLED_ROWS = 2048  # of a kept cost, by one product
BLOCK_BYTES = 4 * 2**20  # small enough for a processor's caches: further passes over a block cost little

Result = TypeVar("Result")
Step = Callable[[slice, torch.Tensor, torch.Tensor], Result]  # rows, cost block (b, p), scratch (b, p)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Row blocks of the product u @ v.T.

    On a CPU each thread takes the next block when it is free, so that a busy core does not delay the others. Work
    buffers are reused, since allocation is expensive.

    Attributes:
        u, v: (n, k) and (p, k) factors of the cost.
        whole: (n, p) when kept, else None.
        slices: the row blocks.
        buffers: scratch (b, p) for each thread, and room for a block made anew when the whole is not kept.
    """

    u: torch.Tensor
    v: torch.Tensor
    whole: torch.Tensor | None
    slices: tuple[slice, ...]
    buffers: queue.SimpleQueue[tuple[torch.Tensor, torch.Tensor | None]]

    @classmethod
    def of(cls, u: torch.Tensor, v: torch.Tensor, *, keep: bool) -> Blocks:
        n, p = len(u), len(v)
        host = u.device.type == "cpu"
        budget = (BLOCK_BYTES if host else 128 * BLOCK_BYTES) // u.element_size()
        step = max(1, min(n, budget // p if keep else max(budget // p, _FRESH_ROWS)))
        if host and n * p >= _SHARED_PAIRS:
            step = min(step, -(-n // (2 * _threads())))  # two blocks for each thread at least
        slices = tuple(slice(start, min(start + step, n)) for start in range(0, n, step))
        buffers: queue.SimpleQueue[tuple[torch.Tensor, torch.Tensor | None]] = queue.SimpleQueue()
        for _ in range(min(_threads(), len(slices)) if host else 1):
            buffers.put((u.new_empty(step, p), None if keep else u.new_empty(step, p)))
        blocks = cls(u, v, u.new_empty(n, p) if keep else None, slices, buffers)
        if blocks.whole is not None:
            for start in range(0, n, _FILLED_ROWS):
                torch.mm(u[start : start + _FILLED_ROWS], v.T, out=blocks.whole[start : start + _FILLED_ROWS])
        return blocks

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.u), len(self.v)

    def map(self, step: Step[Result]) -> Iterator[Result]:
        """One pass: `step` of every block, results in the order of the rows, to be folded as they come.

        A step may write its scratch only; what it returns must not grow with n x p.
        """
        if self.u.device.type != "cpu" or _threads() == 1:
            return (self._one(step, rows) for rows in self.slices)
        return _pool(os.getpid(), _threads()).map(lambda rows: self._one(step, rows), self.slices)

    def _one(self, step: Step[Result], rows: slice) -> Result:
        work, fresh = self.buffers.get()
        try:
            b = rows.stop - rows.start
            if self.whole is not None:
                return step(rows, self.whole[rows], work[:b])
            assert fresh is not None
            return step(rows, torch.mm(self.u[rows], self.v.T, out=fresh[:b]), work[:b])
        finally:
            self.buffers.put((work, fresh))

    def entries(self, pairs: Pairs) -> torch.Tensor:
        """Cost of k pairs: (k,)."""
        if self.whole is not None:
            return self.whole[pairs.rows, pairs.columns]
        parts = zip(pairs.rows.split(65536), pairs.columns.split(65536), strict=True)
        return torch.cat([torch.einsum("kd,kd->k", self.u[i], self.v[j]) for i, j in parts])

    def to_tensor(self, array: np.ndarray) -> torch.Tensor:
        """An array in the precision and on the device of the cost."""
        return torch.as_tensor(array, dtype=self.u.dtype, device=self.u.device)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Some of the n x p pairs, on the device of the cost: (k,) rows and (k,) columns."""

    rows: torch.Tensor
    columns: torch.Tensor

    @classmethod
    def of(cls, rows: np.ndarray, columns: np.ndarray, cost: Blocks) -> Pairs:
        index = (torch.from_numpy(part.astype(np.int64)).to(cost.u.device) for part in (rows, columns))
        return cls(*index)

    def keys(self, cost: Blocks) -> np.ndarray:
        """One number per pair, on the host: (k,)"""
        return (self.rows * cost.shape[1] + self.columns).cpu().numpy()


def _threads() -> int:
    return torch.get_num_threads()


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads in which torch itself uses one thread only; a forked process gets its own."""
    started = threading.Barrier(threads + 1)

    def alone() -> None:
        torch.set_num_threads(1)  # for this thread, and for those that torch has not met yet
        started.wait()

    pool = ThreadPoolExecutor(threads, "geosearch-blocks")
    for _ in range(threads):
        pool.submit(alone)
    started.wait()
    torch.set_num_threads(threads)  # for the rest of the process, as it was
    return pool
