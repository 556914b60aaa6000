"""A load that does not hang on the network: seconds, seed, and jobs at the same time.

    python3 load.py SECONDS SEED [read|write|fork|anon=MB|thp=MB]...

`read` reads files in random order, `write` makes dirty pages, `fork` starts processes, `anon` maps, touches and frees
memory, `thp` in huge pages.
"""

import mmap
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

MB = 1 << 20
PAGE = 4096
HUGE = 2 * MB


def read(ends: float, draw: random.Random, _mb: int) -> None:
    """Files of the disk, as a whole."""
    files = list(Path("/packages").rglob("*.py"))
    while time.monotonic() < ends:
        path = draw.choice(files)
        if path.is_file():
            path.read_bytes()


def write(ends: float, draw: random.Random, _mb: int) -> None:
    """Files, some of which are removed before they are written back."""
    folder = Path("/out/written")
    folder.mkdir(exist_ok=True)
    while time.monotonic() < ends:
        path = folder / str(draw.randrange(40))
        path.write_bytes(bytes(draw.randrange(1, 4) * MB))
        if draw.random() < 0.3:
            path.unlink()


def fork(ends: float, draw: random.Random, _mb: int) -> None:
    """Processes that live for a moment."""
    while time.monotonic() < ends:
        pid = os.fork()
        if not pid:
            bytearray(draw.randrange(1, 2 * MB))
            os._exit(0)
        os.waitpid(pid, 0)
        time.sleep(0.01)


def anon(ends: float, draw: random.Random, mb: int) -> None:
    """Memory, touched page by page."""
    while time.monotonic() < ends:
        with mmap.mmap(-1, mb * MB, mmap.MAP_PRIVATE) as memory:
            for at in range(0, mb * MB, PAGE):
                memory[at] = 1
                if time.monotonic() > ends:
                    break
            time.sleep(draw.random() / 10)


def thp(ends: float, draw: random.Random, mb: int) -> None:
    """The same in huge pages, where they can be had."""
    while time.monotonic() < ends:
        with mmap.mmap(-1, mb * MB, mmap.MAP_PRIVATE) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)
            for at in range(0, mb * MB, HUGE // 2):
                memory[at] = 1
                time.sleep(0.001)
            time.sleep(draw.random() / 10)


JOBS: dict[str, Callable[[float, random.Random, int], None]] = {
    "read": read,
    "write": write,
    "fork": fork,
    "anon": anon,
    "thp": thp,
}


def main() -> None:
    """All jobs, each a process."""
    ends, seed = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
    for number, job in enumerate(sys.argv[3:]):
        name, _, mb = job.partition("=")
        if not os.fork():
            JOBS[name](ends, random.Random(seed + number), int(mb or 0))
            os._exit(0)
    for _ in sys.argv[3:]:
        os.wait()


main()
