"""A kernel's memory by virtual address, and its variables by name: what a reader of its structures needs."""

from __future__ import annotations

from typing import Protocol

from recap.trace.state.btf import Btf


class UnreadableError(Exception):
    """A kernel's memory cannot be read: one line says why."""


class KernelMemory(Protocol):
    """The memory of a kernel that runs, or of a dump."""

    def read_into(self, address: int, buffer: memoryview) -> None:
        """Fill a buffer with what is at an address; with zeros where there is no memory."""
        ...


class KernelSource(Protocol):
    """A kernel: its memory, its types, and where its variables are."""

    @property
    def memory(self) -> KernelMemory:
        """Its memory."""
        ...

    @property
    def btf(self) -> Btf:
        """Its types."""
        ...

    def address(self, name: str) -> int:
        """Where a variable is; 0 if there is none of that name."""
        ...
