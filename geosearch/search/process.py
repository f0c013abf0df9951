"""ProcessId: which process works on a trial, and whether it has ended."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessId:
    """A process, identified by more than its process number, which systems reuse.

    Attributes:
        host: name of its machine.
        pid: its process id.
        namespace: of process numbers on that machine (containers have their own), until the machine starts again.
        started: when it started, in ticks since the machine started; empty where /proc does not tell.
    """

    host: str
    pid: int
    namespace: str = ""
    started: str = ""

    @classmethod
    def here(cls) -> ProcessId:
        """The process that calls."""
        return cls(socket.gethostname(), os.getpid(), _namespace(), _start_time(os.getpid()))

    @property
    def is_local(self) -> bool:
        """Whether it runs, or ran, where this process can see it."""
        here = ProcessId.here()
        return bool(here.started) and (self.host, self.namespace) == (here.host, here.namespace)

    @property
    def has_ended(self) -> bool:
        """Whether it has certainly ended; False for a process of another machine, of which nothing is known."""
        return self.is_local and _start_time(self.pid) != self.started

    @property
    def is_alive(self) -> bool:
        """Whether it is certainly running; False for a process of another machine, of which nothing is known."""
        return self.is_local and _start_time(self.pid) == self.started

    @property
    def is_from_before_restart(self) -> bool:
        """Whether a machine of this name has started again since; it is another one if several have the same name."""
        here = ProcessId.here()
        boots = [process.namespace.rpartition(" ")[2] for process in (self, here)]
        return self.host == here.host and all(boots) and boots[0] != boots[1]


def _namespace() -> str:
    try:
        return f"{Path('/proc/self/ns/pid').readlink()} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """When a process started; empty if it ended, is a zombie, or this is not Linux."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]
