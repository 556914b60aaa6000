"""The running kernel: its memory through /proc/kcore, its variables by /proc/kallsyms, its types by its own BTF.

/proc/kcore is an ELF core file of the kernel's address space (root only). What is asked of it are the kernel's own
structures, never the content of a page.
"""

from __future__ import annotations

import bisect
import os
import platform
import struct
from collections.abc import Collection, Mapping
from pathlib import Path

from recap.trace.state.btf import Btf
from recap.trace.state.memory import UnreadableError
from recap.trace.tracefs import locked_down

KCORE = Path("/proc/kcore")
KALLSYMS = Path("/proc/kallsyms")
BTF = Path("/sys/kernel/btf/vmlinux")
MACHINE = "x86_64"
NEEDED = ("mem_section", "__per_cpu_offset", "__cpu_online_mask")
WANTED = (*NEEDED, "node_data", "contig_page_data", "init_uts_ns", "root_mem_cgroup")
ELF_HEADER = struct.Struct("<4sB11xHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
PT_LOAD = 1
ELF64 = 2


class Kcore:
    """The kernel's address space, as /proc/kcore shows it."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_RDONLY)
        try:
            self.segments = sorted(self.loaded())
        except struct.error:
            os.close(self.file)
            raise UnreadableError(f"{path} is no ELF core file") from None
        self.starts = [address for address, _, _ in self.segments]

    def loaded(self) -> list[tuple[int, int, int]]:
        """Address, offset in the file and size of every part."""
        head = ELF_HEADER.unpack(os.pread(self.file, ELF_HEADER.size, 0))
        magic, width, table, size, count = head[0], head[1], head[6], head[10], head[11]
        if magic != b"\x7fELF" or width != ELF64:
            raise struct.error
        headers = (
            PROGRAM_HEADER.unpack(os.pread(self.file, PROGRAM_HEADER.size, table + i * size)) for i in range(count)
        )
        return [(one[3], one[2], one[5]) for one in headers if one[0] == PT_LOAD]

    def read_into(self, address: int, buffer: memoryview) -> None:
        """Fill a buffer with what is at an address; with zeros where there is no memory."""
        done = 0
        while done < len(buffer):
            done += self.read_part(address + done, buffer[done:])

    def read_part(self, address: int, buffer: memoryview) -> int:
        """Fill the beginning of a buffer, as far as one part of the file reaches; how many bytes that is."""
        number = bisect.bisect_right(self.starts, address) - 1
        if number >= 0:
            start, offset, size = self.segments[number]
            if address < start + size:
                room = min(len(buffer), start + size - address)
                read = os.preadv(self.file, [buffer[:room]], offset + address - start)
                if read:
                    return read
        following = self.starts[number + 1] - address if number + 1 < len(self.starts) else len(buffer)
        hole = min(len(buffer), following)
        buffer[:hole] = bytes(hole)
        return hole

    def close(self) -> None:
        """Read no more."""
        os.close(self.file)


class RunningKernel:
    """This machine's kernel.

    Errors:
        UnreadableError: it does not show its memory.
    """

    def __init__(self) -> None:
        reason = closed()
        if reason:
            raise UnreadableError(reason)
        self.symbols = addresses(KALLSYMS)
        reason = hidden(self.symbols)
        if reason:
            raise UnreadableError(reason)
        self.btf = Btf(BTF.read_bytes())
        self.memory = Kcore(KCORE)

    def address(self, name: str) -> int:
        """Where a variable is; 0 if there is none of that name."""
        return self.symbols.get(name, 0)

    def close(self) -> None:
        """Read no more."""
        self.memory.close()


def addresses(path: Path, names: Collection[str] = WANTED) -> dict[str, int]:
    """Where some of the kernel's symbols are, without those that are not there or whose addresses are hidden."""
    wanted = {name.encode() for name in names}
    found = {}
    with path.open("rb") as file:
        for line in file:
            part = line.split(None, 3)
            if part[2] in wanted and len(part) == 3:  # a module's symbol has its name behind
                found[part[2].decode()] = int(part[0], 16)
    return {name: address for name, address in found.items() if address}


def obstacle() -> str | None:
    """Why the running kernel's lists cannot be read; None if they can."""
    return closed() or hidden(addresses(KALLSYMS))


def closed() -> str | None:
    """Why its memory or its types cannot be read."""
    if platform.machine() != MACHINE:
        return f"recap reads the lists of {MACHINE} kernels only, and this is {platform.machine()}"
    if os.geteuid() != 0:
        return "reading /proc/kcore needs root"
    if locked_down():
        return "the kernel is locked down (confidentiality) and does not show its memory; boot with lockdown=none"
    if not KCORE.exists():
        return "there is no /proc/kcore: the kernel was built without CONFIG_PROC_KCORE"
    if not BTF.exists():
        return f"there is no {BTF}: the kernel was built without CONFIG_DEBUG_INFO_BTF"
    try:
        Kcore(KCORE).close()
    except OSError as error:
        return f"/proc/kcore cannot be read ({error.strerror}); a container needs CAP_SYS_RAWIO for it"
    except UnreadableError as error:
        return str(error)
    return None


def hidden(symbols: Mapping[str, int]) -> str | None:
    """Why its variables cannot be found."""
    missing = [name for name in NEEDED if name not in symbols]
    if not missing:
        return None
    return (
        f"/proc/kallsyms does not tell where {missing[0]} is: the kernel was built without CONFIG_KALLSYMS_ALL, "
        "or kernel.kptr_restrict is 2"
    )
