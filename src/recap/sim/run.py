"""One run of a demand on a machine under a policy: what happened, as numbers under their kernel names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recap.demand.demand import Demand
from recap.kernel import PF_YOUNG
from recap.mm import boot, invariants, sysctl
from recap.mm.vmstat import NAMES
from recap.pages import COMPILED, Memory
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.sim.closed_loop import Simulation
from recap.trace import Snapshot

STEPS = 200_000 if COMPILED else 500  # between two looks at the progress bar and at Ctrl-C
RECLAIMERS = 255  # requests that can reclaim at the same time
DEFAULT_SCAN_NS = 1_000
DEFAULT_WRITE_NS = 1_000_000
TOUCHED_SHARE = 0.5


def simulate(
    demand: Demand,
    snapshot: Snapshot,
    policy: Policy,
    seed: int,
    swap_pages: int,
    values: Mapping[str, int],
    wanted: Mapping[str, str],
    progress: Callable[[float], None] | None = None,
    check_every: int = 0,
) -> dict[str, float]:
    """Run until every task is through its demand; metrics by name.

    Args:
        demand: of a recording; snapshot: the state it starts from.
        policy: who is asked about capture.
        seed: of what the recording leaves open: device latencies, which mapped pages were used lately.
        swap_pages: free swap slots.
        values, wanted: sysctls, all and those the user changed.
        progress: called with the share of operations done.
        check_every: check all invariants each time so many steps are done (0: never).
    """
    memory = boot.from_snapshot(snapshot, RECLAIMERS, policy)
    memory.nr_swap_pages = swap_pages
    sysctl.apply(memory, values, wanted)
    touch_mapped_pages(memory, snapshot, seed)
    simulation = Simulation(
        memory,
        with_latencies(demand),
        seed,
        demand.scan_ns or DEFAULT_SCAN_NS,
        values["vm.dirty_background_ratio"],
    )
    while simulation.advance(check_every or STEPS):
        raise_policy_error(policy)
        if check_every:
            invariants.check(memory)
        if progress:
            progress(simulation.ops_done / demand.operations)
    raise_policy_error(policy)
    invariants.check(memory)
    return metrics(simulation)


def touch_mapped_pages(memory: Memory, snapshot: Snapshot, seed: int) -> None:
    """A snapshot does not tell which mapped pages were used since the last scan: the seed draws half of them."""
    draw = np.random.default_rng(seed).random(len(snapshot.flags)) < TOUCHED_SHARE
    for lru in range(4):
        pfns = snapshot.lru_list(lru)
        memory.set_flag(pfns[draw[pfns] & (snapshot.mapcount[pfns] >= 0)].tolist(), PF_YOUNG)


def with_latencies(demand: Demand) -> Demand:
    """The demand, with a stand-in where the recording has no write to measure."""
    if len(demand.write_ns):
        return demand
    from dataclasses import replace

    return replace(demand, write_ns=np.array([DEFAULT_WRITE_NS], np.int64))


def raise_policy_error(policy: Any) -> None:
    """An exception in a user's policy stops the run."""
    if isinstance(policy, PlainPolicy) and policy.error is not None:
        raise policy.error


def metrics(simulation: Simulation) -> dict[str, float]:
    """Every counter of the run."""
    m = simulation.m
    found = dict(zip(NAMES, (float(value) for value in m.array("vmstat")), strict=False))
    attempts = found["high_order_attempts"]
    found["oom_kills"] = found.pop("oom_kill")
    found["success_percent"] = 100 * found["high_order_successes"] / attempts if attempts else 0.0
    found["withheld_peak_pages"] = float(m.withheld_peak)
    found["withheld_page_ms"] = simulation.withheld_page_ns / 1e6
    found["extfrag_events"] = float(m.extfrag_events)
    found["stall_ms"] = simulation.stall_ns / 1e6
    found["longest_stall_ms"] = simulation.longest_stall_ns / 1e6
    found["nr_free_pages"] = float(m.array("zone")["free_pages"].sum())
    found["simulated_seconds"] = simulation.clock / 1e9
    return found
