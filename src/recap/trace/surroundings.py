"""What is saved around a trace: /proc before and after, the sysctls, and the flags of all page frames."""

import itertools
import json
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

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
    "swaps": "swaps",
    "pressure": "pressure/memory",
}
SYSCTL_ROOT = Path("/proc/sys")
ONCE = {"uname": Path("/proc/version"), "cmdline": Path("/proc/cmdline"), "cpuinfo": Path("/proc/cpuinfo")}
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
FRAMES_AT_ONCE = 1 << 18
PAGE_FLAGS = "kpageflags.0.npz"
LIST_ORDER = "unknown"
TAKE_AGAIN = "record again"
KPAGEFLAGS = Path("/proc/kpageflags")
READERS = 4
FAST = 1  # zlib's level: a recording waits for it

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
    try:
        parts = sorted(runs_in_parts(KPAGEFLAGS), key=lambda part: part.first)
    except OSError:
        return
    starts = np.concatenate([part.start for part in parts])
    flags = np.concatenate([part.flags for part in parts])
    begins = np.append(True, flags[1:] != flags[:-1])  # a part begins with a run of its own
    meta = json.dumps({"list_order": LIST_ORDER, "source": str(KPAGEFLAGS), "atomic": False})
    frames = sum(part.frames for part in parts)
    arrays = {"start": starts[begins], "flags": flags[begins], "frames": np.array(frames), "meta": np.array(meta)}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=FAST) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


class FlagRuns(NamedTuple):
    """Page frames from `first` on: where runs of equal flags start among them."""

    first: int
    frames: int
    start: npt.NDArray[np.int64]
    flags: Words


def runs_in_parts(path: Path) -> list[FlagRuns]:
    """The runs of the whole file, part by part. The kernel looks at each frame, so it takes several threads."""
    numbers = itertools.count()
    file = os.open(path, os.O_RDONLY)

    def work(_worker: int) -> list[FlagRuns]:
        buffer = np.empty(FRAMES_AT_ONCE, np.uint64)
        found = []
        for number in numbers:
            first = number * FRAMES_AT_ONCE
            read = os.preadv(file, [buffer.view(np.uint8).data], first * buffer.itemsize) // buffer.itemsize
            if not read:
                break
            changed = np.flatnonzero(np.append(True, buffer[1:read] != buffer[: read - 1]))
            found.append(FlagRuns(first, read, changed + first, buffer[changed]))
        return found

    workers = min(READERS, len(os.sched_getaffinity(0)))
    try:
        with ThreadPoolExecutor(workers) as pool:
            return [part for parts in pool.map(work, range(workers)) for part in parts]
    finally:
        os.close(file)


def read_page_flags(path: Path) -> Words:
    """The flags of all page frames, index = pfn, as /proc/kpageflags numbers them."""
    try:
        with path.open("rb") as file, Npz(file) as archive:
            arrays = archive.read(("start", "flags", "frames"))
        start, flags, frames = arrays["start"], arrays["flags"], int(arrays["frames"])
        room = available()
        if room is not None and frames * flags.itemsize > room // SHARE:
            raise ValueError(f"it claims {frames:,} frames, more than there is memory for")  # noqa: TRY301
        ends = np.append(start[1:], frames)
        if start.dtype.kind != "i" or flags.dtype != np.uint64 or (start >= ends).any() or start[:1].any():
            raise ValueError("its runs are inconsistent")  # noqa: TRY301 (told as the others are)
        whole: Words = np.repeat(flags, ends - start)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(path, "", f"is not a snapshot of page flags: {error}", TAKE_AGAIN) from None
    return whole
