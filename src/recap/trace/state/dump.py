"""A kernel that stands still: the dump of a paused guest, or of kdump, which drgn reads (the extra `snapshot`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recap.errors import InputError
from recap.trace.state.btf import Btf
from recap.trace.state.memory import UnreadableError

PAGE_BYTES = 4096


class DumpMemory:
    """The memory of a dump."""

    def __init__(self, program: Any, fault: type[Exception]) -> None:
        self.program, self.fault = program, fault

    def read_into(self, address: int, buffer: memoryview) -> None:
        """Fill a buffer with what is at an address; with zeros where there is no memory."""
        try:
            buffer[:] = self.program.read(address, len(buffer))
        except self.fault:
            if len(buffer) <= PAGE_BYTES:
                buffer[:] = bytes(len(buffer))
                return
            half = max(PAGE_BYTES, len(buffer) // 2 // PAGE_BYTES * PAGE_BYTES)
            self.read_into(address, buffer[:half])
            self.read_into(address + half, buffer[half:])


class DumpedKernel:
    """The kernel in a dump, with the types and symbols that it carries.

    It has types with CONFIG_DEBUG_INFO_BTF, and symbols from Linux 6.0 on with CONFIG_KALLSYMS_ALL; of one without
    symbols, `symbols` is its vmlinux.

    Errors:
        InputError: drgn is not installed, or cannot read it.
    """

    def __init__(self, core: Path, symbols: Path | None = None) -> None:
        try:
            import drgn  # noqa: PLC0415 (an extra, and slow to load)
            from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms  # noqa: PLC0415
        except ImportError:
            remedy = "pip install recap-mm[snapshot]"
            raise InputError(core, "", "is read with drgn, which is not installed", remedy) from None
        self.program = drgn.Program()
        try:
            self.program.set_core_dump(core)
            if symbols is not None:
                self.program.load_debug_info([symbols])
            else:
                self.program.register_symbol_finder("kallsyms", load_vmlinux_kallsyms(self.program), enable_index=0)
        except (OSError, LookupError, ValueError, drgn.FaultError, drgn.MissingDebugInfoError) as error:
            remedy = "give a core dump of a Linux kernel, and the vmlinux with its symbols as --symbols"
            raise InputError(core, "", f"is no dump whose symbols are known: {error}", remedy) from None
        self.memory = DumpMemory(self.program, drgn.FaultError)
        start, stop = self.address("__start_BTF"), self.address("__stop_BTF")
        if not start:
            raise UnreadableError("the kernel carries no types: it was built without CONFIG_DEBUG_INFO_BTF")
        self.btf = Btf(self.program.read(start, stop - start))

    def address(self, name: str) -> int:
        """Where a variable is; 0 if there is none of that name."""
        try:
            return int(self.program.symbol(name).address)
        except LookupError:
            return 0
