"""What is saved around a trace: /proc before and after, the sysctls, and the flags of all page frames."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.memory import available
from recap.trace.npz import SHARE, Npz

PROC_FILES = {
    "vmstat": "vmstat",
    "zoneinfo": "zoneinfo",
    "buddyinfo": "buddyinfo",
    "pagetypeinfo": "pagetypeinfo",
    "meminfo": "meminfo",
    "pressure": "pressure/memory",
}
SYSCTL_ROOT = Path("/proc/sys")
ONCE = {"uname": Path("/proc/version"), "cmdline": Path("/proc/cmdline"), "cpuinfo": Path("/proc/cpuinfo")}
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
FRAMES_AT_ONCE = 1 << 18
LIST_ORDER = "unknown"
TAKE_AGAIN = "record again"
NO_FLAGS = np.uint64((1 << 64) - 1)  # that no frame has

# /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst); the numbers are its ABI.
KPF_LRU, KPF_SLAB, KPF_BUDDY, KPF_NOPAGE, KPF_PGTABLE = 5, 7, 10, 20, 26

Words = npt.NDArray[np.uint64]


def save_proc(folder: Path, n: int) -> None:
    """The files of /proc that say how memory is, as NAME.n; those this kernel lacks are left out."""
    for name, source in PROC_FILES.items():
        with suppress(OSError):
            (folder / f"{name}.{n}").write_bytes(Path("/proc", source).read_bytes())


def save_once(folder: Path) -> None:
    """What does not change: the kernel, its command line, its vm sysctls."""
    for name, path in ONCE.items():
        with suppress(OSError):
            (folder / name).write_bytes(path.read_bytes())
    (folder / "sysctl.vm").write_text("".join(f"{name} = {value}\n" for name, value in sysctls()))
    for name in ("enabled", "defrag"):
        with suppress(OSError):
            (folder / f"thp.{name}").write_bytes((HUGE_PAGES / name).read_bytes())


def sysctls() -> Iterator[tuple[str, str]]:
    """The vm sysctls that can be read."""
    for path in sorted((SYSCTL_ROOT / "vm").iterdir()):
        with suppress(OSError):
            yield f"vm.{path.name}", path.read_text().strip()


def save_page_flags(path: Path) -> None:
    """All page frames' flags, as runs of equal ones. They are read one by one while the machine runs on."""
    starts, values, frames = [], [], 0
    buffer = np.full(FRAMES_AT_ONCE + 1, NO_FLAGS)  # before the part that is read, the last frame of the one before
    try:
        with Path("/proc/kpageflags").open("rb", buffering=0) as file:
            while read := file.readinto(buffer[1:].view(np.uint8).data) // buffer.itemsize:
                changed = np.flatnonzero(buffer[1 : read + 1] != buffer[:read])
                starts.append(changed + frames)
                values.append(buffer[1 + changed])
                buffer[0] = buffer[read]
                frames += read
    except OSError:
        return
    meta = json.dumps({"list_order": LIST_ORDER, "source": "/proc/kpageflags", "atomic": False})
    # Packed when nothing is recorded any more: that takes longer than to read them.
    np.savez(path, start=np.concatenate(starts), flags=np.concatenate(values), frames=frames, meta=np.array(meta))


def pack_page_flags(path: Path) -> None:
    """Make such a file small."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    np.savez_compressed(path, **arrays)


def read_page_flags(path: Path) -> Words:
    """The flags of all page frames, index = pfn, as /proc/kpageflags numbers them."""
    try:
        with path.open("rb") as file, Npz(file) as archive:
            arrays = archive.read(("start", "flags", "frames"))
        start, flags, frames = arrays["start"], arrays["flags"], int(arrays["frames"])
        room = available()
        if room is not None and frames * flags.itemsize > room // SHARE:
            raise ValueError(f"it tells of {frames:,} frames, more than there is memory for")  # noqa: TRY301
        ends = np.append(start[1:], frames)
        if start.dtype.kind != "i" or flags.dtype != np.uint64 or (start >= ends).any() or start[:1].any():
            raise ValueError("its runs make no sense")  # noqa: TRY301 (told as the others are)
        whole: Words = np.repeat(flags, ends - start)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(path, "", f"is no snapshot of page flags: {error}", TAKE_AGAIN) from None
    return whole


def has(flags: Words, bit: int) -> npt.NDArray[np.bool_]:
    """Which frames have a flag of /proc/kpageflags."""
    return (flags >> np.uint64(bit) & np.uint64(1)).astype(np.bool_)
