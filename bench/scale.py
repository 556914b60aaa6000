"""What the closed loop costs as the modelled machine grows, and what a cluster costs.

    python bench/scale.py [GIB ...]
    python bench/scale.py --cluster RUNS [SECONDS]

The first form runs the synthetic workload highalloc-6.1 once, under `none`, on machines of 1, 4 and 16 GiB, or of the
sizes given, each in a process of its own. Columns: peak memory, the same for each GiB modelled, seconds, and ns for
each request of memory beside the first size's.

The second makes RUNS runs of the recording `example` on two threads, then on two workers of a cluster of this machine,
one of which is killed with -9 every SECONDS (10).
"""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

from recap.lab.cluster import Cluster
from recap.lab.compare import case_of
from recap.lab.executor import Executor
from recap.lab.kept import Run, digest
from recap.lab.runs import run_all
from recap.lab.threads import Threads
from recap.lab.workloads import workload
from recap.policy import candidate, load
from recap.sim.run import simulate

SIZES = (1, 4, 16)
MIB, KIB = 1 << 20, 1 << 10
KILL_SECONDS = 10.0


def measure(gib: int) -> None:
    """One size, in this process: its figures on one line."""
    setup = workload(f"highalloc-6.1:{gib * 1024}", {})
    began = time.monotonic()
    found = simulate(setup, load("none"), 0)
    seconds = time.monotonic() - began
    requests = found["order0_requests"] + found["high_order_attempts"]
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / MIB, seconds, requests)


def sizes(gibs: list[int]) -> None:
    """A row for each."""
    print("| GiB modelled | peak MiB | MiB for each GiB | s | ns a request | ratio |\n|---|---|---|---|---|---|")
    first = 0.0
    for gib in gibs:
        ended = subprocess.run(
            [sys.executable, __file__, "--one", str(gib)], capture_output=True, text=True, check=True
        )
        peak, seconds, requests = map(float, ended.stdout.split())
        each = seconds / requests * 1e9
        first = first or each
        print(
            f"| {gib} | {peak:,.0f} | {peak / gib:.0f} | {seconds:.1f} | {each:,.0f} | {each / first:.2f} |", flush=True
        )


def cluster(count: int, every: float) -> None:
    """The same runs on threads, and on workers that are killed."""
    case = case_of("example", {}, None, None)
    todo = [Run(case.setup, candidate("none"), seed) for seed in range(count)]
    expected = timed("two threads", todo, Threads(2))
    with Cluster("local", 2) as workers:
        killed: list[int] = []
        over = threading.Event()
        killer = threading.Thread(target=kill, args=(workers, every, over, killed), daemon=True)
        killer.start()
        found = timed("two workers, killed", todo, workers)
        over.set()
        killer.join()
    print(f"workers killed: {len(killed)}; digest {'the same' if found == expected else 'DIFFERENT'}")


def timed(name: str, todo: list[Run], executor: Executor) -> str:
    """The digest of all runs."""
    began = time.monotonic()
    found = run_all(todo, None, None, executor)
    print(f"{name}: {len(found)} runs in {time.monotonic() - began:.0f} s", flush=True)
    return digest(list(found.values()))


def kill(workers: Cluster, every: float, over: threading.Event, killed: list[int]) -> None:
    """A worker now and then."""
    while not over.wait(every):
        pids = list(workers.client.run(os.getpid, on_error="ignore").values())
        if pids:
            os.kill(pids[len(killed) % len(pids)], signal.SIGKILL)
            killed.append(1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--one", gib]:
            measure(int(gib))
        case ["--cluster", count, *rest]:
            cluster(int(count), float(rest[0]) if rest else KILL_SECONDS)
        case gibs:
            sizes([int(gib) for gib in gibs] or list(SIZES))
