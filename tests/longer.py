"""Runs of the uncompiled engine that take longer than a test may: `make branches` sees which of its branches they take.

python -m tests.longer [NAME]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from recap.demand.highalloc import Highalloc
from recap.kernel import LINUX_2_6_27, LINUX_2_6_27_MM, LINUX_6_1, LINUX_6_18, Profile
from recap.lab.compare import compare
from recap.lab.verify import verify
from recap.lab.workloads import stress_highalloc
from recap.policy import load
from recap.sim.run import simulate
from tests.mm.differential import parts

OPERATIONS = 400_000
SIZE = Highalloc(mebibytes=128, cpus=2, warm_seconds=5, cool_seconds=1, passes=2, rate=64)


def operations() -> None:
    """The allocator, under every kernel's rules and policy."""
    for part in parts(OPERATIONS):
        part.run()


def closed_loop(kernel: Profile, policy: str) -> None:
    """Reclaim, compaction and all else that tasks meet who want huge pages."""
    simulate(stress_highalloc(kernel, SIZE, {}), load(policy), 1)


RUNS: dict[str, Callable[[], object]] = {
    "operations": operations,
    "verify example": partial(verify, Path("example")),
    "compare example": partial(compare, "example", ["none", "kosaki", "whitcroft"], seeds=1),
    "verify race4": partial(verify, Path("recordings/race4-1cpu")),
    "verify calm": partial(verify, Path("recordings/calm-1cpu")),
    "2.6.27": partial(closed_loop, LINUX_2_6_27, "none"),
    "2.6.27-mm": partial(closed_loop, LINUX_2_6_27_MM, "whitcroft"),
    "6.1": partial(closed_loop, LINUX_6_1, "kosaki"),
    "6.18": partial(closed_loop, LINUX_6_18, "none"),
    **{name: partial(closed_loop, LINUX_2_6_27_MM, name) for name in ("kamezawa", "lameter", "order0-mark", "piggin")},
}


if __name__ == "__main__":
    for name, run in RUNS.items():
        if name in (sys.argv[1:] or RUNS):
            print(name, flush=True)
            run()
