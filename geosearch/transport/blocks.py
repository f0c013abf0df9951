"""Blocks: the (n, p) cost matrix as row blocks on a device, kept whole or made anew at every pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

BLOCK_BYTES = 8 * 2**20  # small enough for a processor's last cache: passes over a block cost little


@dataclass(frozen=True, eq=False)
class Blocks:
    """Row blocks of u @ v.T. One work buffer is reused for all passes, since fresh pages are dear.

    Attributes:
        u, v: (n, k) and (p, k) factors of the cost.
        whole: (n, p) when kept, else None.
        work: (b, p) scratch; what `passes` yields second.
        fresh: (b, p) buffer for a block made anew; None when the whole is kept.
    """

    u: torch.Tensor
    v: torch.Tensor
    whole: torch.Tensor | None
    work: torch.Tensor
    fresh: torch.Tensor | None

    @classmethod
    def of(cls, u: torch.Tensor, v: torch.Tensor, *, keep: bool) -> Blocks:
        (n, p), size = (len(u), len(v)), u.element_size()
        budget = BLOCK_BYTES if u.device.type == "cpu" else 64 * BLOCK_BYTES
        rows = max(1, min(n, budget // (size * p)))
        whole = torch.mm(u, v.T) if keep else None
        return cls(u, v, whole, u.new_empty(rows, p), None if keep else u.new_empty(rows, p))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.u), len(self.v)

    def passes(self) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
        """(rows, cost block (b, p), scratch (b, p)): read the first, write the second."""
        n, step = len(self.u), len(self.work)
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            work = self.work[: rows.stop - start]
            if self.whole is not None:
                yield rows, self.whole[rows], work
            else:
                assert self.fresh is not None
                yield rows, torch.mm(self.u[rows], self.v.T, out=self.fresh[: rows.stop - start]), work

    def entries(self, pairs: Pairs) -> torch.Tensor:
        """Cost of k pairs: (k,)."""
        if self.whole is not None:
            return self.whole[pairs.rows, pairs.columns]
        parts = zip(pairs.rows.split(65536), pairs.columns.split(65536), strict=True)
        return torch.cat([torch.einsum("kd,kd->k", self.u[i], self.v[j]) for i, j in parts])

    def like(self, array: np.ndarray) -> torch.Tensor:
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
