"""How fast the engine allocates and frees, against the same algorithm in C (allocator.c), both measured in one run.

    python bench/allocator.py [--json]

Engine and C take turns, each on a machine of its own; the figures are medians over the turns. Both do the same
operations, so every list and every counter of the two machines must be equal in the end; if not, nothing is reported.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recap import pages
from recap.kernel import GFP_HIGHMEM, GFP_KERNEL, GFP_MOVABLE, GFP_RECLAIMABLE
from recap.mm import boot
from recap.mm.machine import Machine
from recap.pages import Array, Memory

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "bench"
RELEASE = (
    "boundscheck=False",
    "wraparound=False",
    "initializedcheck=False",
    "cdivision=True",
    "annotation_typing=False",
)

MEBIBYTES = 1024
SPARE = (MEBIBYTES << 8) // 5  # pages not in use: the machine is 80 % full
OPERATIONS = 2_000_000
TURNS = 15
SEED = 20080904

MOVABLE = GFP_KERNEL | GFP_HIGHMEM | GFP_MOVABLE
REQUESTS = np.array([MOVABLE] * 6 + [GFP_KERNEL, GFP_KERNEL | GFP_RECLAIMABLE], np.uint32)
ORDERS = np.array([0] * 90 + [1, 1, 1, 2, 2, 2, 3, 3] + [9] * 2, np.uint8)


class CMachine(ctypes.Structure):
    """`struct machine` of allocator.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("page", "zone", "pcp", "pageblock")),
        *((name, ctypes.c_uint32) for name in ("free_heads", "pcp_heads")),
        *((name, ctypes.c_int32) for name in ("nr_zones", "nr_cpus")),
        ("watermark_boost_factor", ctypes.c_int64),
    ]


@dataclass(frozen=True)
class Tape:
    """What the mix asks for at each step: a block, or the death of one that lives."""

    order: Array
    gfp: Array
    draw: Array


def tape() -> Tape:
    """90 % order 0, 8 % orders 1 to 3, 2 % order 9; three of four requests movable; victims at random."""
    random = np.random.default_rng(SEED)
    return Tape(
        random.choice(ORDERS, OPERATIONS),
        random.choice(REQUESTS, OPERATIONS),
        random.integers(1 << 32, size=OPERATIONS, dtype=np.uint32),
    )


class Contender:
    """A machine with the blocks that live on it."""

    def __init__(self) -> None:
        self.memory: Memory = boot.empty_machine(MEBIBYTES)
        self.live = np.zeros(MEBIBYTES << 8, np.uint32)
        self.nr_live = 0

    def state(self) -> str:
        """A digest of every list in its order, every counter, and every block handed out."""
        machine = Machine(self.memory)
        digest = hashlib.sha256(repr((machine.free_lists(), machine.pcp_lists())).encode())
        for name in ("zone", "pcp", "pageblock"):
            digest.update(self.memory.array(name).tobytes())
        digest.update(self.live[: self.nr_live].tobytes())
        return digest.hexdigest()[:16]


class Engine(Contender):
    """The engine, driven by loops.py."""

    loops: Any

    def pairs(self) -> None:
        """Allocate and free one page, many times."""
        self.loops.pairs(self.memory, OPERATIONS, MOVABLE)

    def churn(self, t: Tape) -> None:
        """Play the mix."""
        self.nr_live = self.loops.churn(self.memory, self.live, self.nr_live, SPARE, t.order, t.gfp, t.draw)


class Yardstick(Contender):
    """allocator.c, on the arrays of a Memory of its own."""

    library: ctypes.CDLL

    def __init__(self) -> None:
        super().__init__()
        m = self.memory
        arrays = [m.array(name).ctypes.data for name in ("page", "zone", "pcp", "pageblock")]
        self.machine = ctypes.byref(
            CMachine(*arrays, m.free_heads, m.pcp_heads, m.nr_zones, m.nr_cpus, m.watermark_boost_factor)
        )

    def pairs(self) -> None:
        """Allocate and free one page, many times."""
        self.library.pairs(self.machine, ctypes.c_int64(OPERATIONS), ctypes.c_uint32(MOVABLE))

    def churn(self, t: Tape) -> None:
        """Play the mix."""
        live, order, gfp, draw = (ctypes.c_void_p(column.ctypes.data) for column in (self.live, t.order, t.gfp, t.draw))
        numbers = (ctypes.c_int64(number) for number in (self.nr_live, SPARE, OPERATIONS))
        self.nr_live = self.library.churn(self.machine, live, *numbers, order, gfp, draw)


def run(*command: str | Path) -> None:
    """Run a build step; what it complains about is shown."""
    subprocess.run([str(word) for word in command], check=True)


def compile_c(source: Path, output: Path, *options: str) -> None:
    """Make a shared library with the flags of the engine's release build."""
    run(os.environ.get("CC", "gcc"), "-O3", "-w", "-shared", "-fPIC", *options, source, "-o", output)


def build() -> None:
    """Compile both sides, and load them: loops.py against the engine that is installed, allocator.c by itself."""
    BUILD.mkdir(parents=True, exist_ok=True)
    installed = Path(str(pages.__file__)).parents[1]
    module = BUILD / f"loops{sysconfig.get_config_var('EXT_SUFFIX')}"
    sources = [*HERE.glob("loops.*"), *installed.rglob("*.pxd")]
    if not module.exists() or module.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        directives = [word for directive in RELEASE for word in ("-X", directive)]
        c = BUILD / "loops.c"
        run(sys.executable, "-m", "cython", "-3", *directives, "-I", installed, HERE / "loops.py", "-o", c)
        compile_c(c, module, f"-I{sysconfig.get_path('include')}")
    compile_c(HERE / "allocator.c", BUILD / "allocator.so")
    sys.path.insert(0, str(BUILD))
    Engine.loops = importlib.import_module("loops")
    Yardstick.library = ctypes.CDLL(str(BUILD / "allocator.so"))
    Yardstick.library.churn.restype = ctypes.c_int64
    sizes = list((ctypes.c_int64 * 3).in_dll(Yardstick.library, "record_sizes"))
    if sizes != [dtype.itemsize for dtype in (pages.PAGE, pages.ZONE, pages.PCP)]:
        sys.exit("bench/allocator.c: its records are not those of src/recap/pages.py any more; bring them in line")


def nanoseconds(work: Callable[[], None]) -> float:
    """Time of one operation, on the CPU."""
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / OPERATIONS


def duel(name: str, play: Callable[[Any], None]) -> dict[str, Any]:
    """Both contenders in turns: median ns per operation, median of the turns' ratios, and the common end state."""
    engine, yardstick = Engine(), Yardstick()
    play(engine)
    play(yardstick)
    times = [(nanoseconds(lambda: play(engine)), nanoseconds(lambda: play(yardstick))) for _ in range(TURNS)]
    if engine.state() != yardstick.state():
        sys.exit(f"bench/allocator.py: {name}: engine and C end in different states, so they did different work")
    return {
        "workload": name,
        "engine_ns": round(statistics.median(a for a, _ in times), 2),
        "c_ns": round(statistics.median(b for _, b in times), 2),
        "ratio": round(statistics.median(a / b for a, b in times), 3),
        "state": engine.state(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed of the engine's allocator relative to C.")
    parser.add_argument("--json", action="store_true", help="one JSON object for each workload")
    arguments = parser.parse_args()
    if not pages.COMPILED:
        sys.exit("bench/allocator.py: the engine is not compiled; run `make build` first")
    build()
    t = tape()
    results = [
        duel("one page through the per-cpu list, allocated and freed", lambda side: side.pairs()),
        duel("mix of orders, 1 GiB, 80 % full, one operation", lambda side: side.churn(t)),
    ]
    for result in results:
        if arguments.json:
            print(json.dumps(result))
        else:
            print(
                "{workload}: engine {engine_ns} ns, C {c_ns} ns, ratio {ratio}; same end state {state}".format(**result)
            )


if __name__ == "__main__":
    main()
