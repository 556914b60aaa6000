"""One run of a demand on a machine under a policy: what happened, as numbers under their kernel names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recap.demand.demand import Demand
from recap.demand.starts import Origin
from recap.kernel import LINUX_6_1, PG_YOUNG, Profile
from recap.mm import boot, invariants, sysctl
from recap.mm.vmstat import NAMES
from recap.pages import COMPILED, Memory
from recap.policy.plain import PlainPolicy
from recap.policy.policy import Policy
from recap.policy.together import Together
from recap.sim.closed_loop import Simulation
from recap.sim.observe import Observer
from recap.trace import Snapshot

STEPS = 200_000 if COMPILED else 500  # between two looks at the progress bar and at Ctrl-C
RECLAIMERS = 255  # requests that can reclaim at the same time
DEFAULT_WRITE_NS = 1_000_000
TOUCHED_PERCENT = 50
SYNTHETIC = ("slabs_scanned", "pswpin")  # what the model does not do to a recorded demand


@dataclass(frozen=True, eq=False)
class Setup:
    """What the runs of a comparison share, read-only.

    `origin` is the state at the start, `values` are all sysctls, `wanted` those the user changed, `swap_pages` the free
    swap slots at the start, `touched_percent` how many of the mapped pages count as used lately then, `profile` the
    kernel whose rules the machine has.
    """

    demand: Demand
    origin: Origin
    swap_pages: int
    values: Mapping[str, int]
    wanted: Mapping[str, str]
    touched_percent: int = TOUCHED_PERCENT
    profile: Profile = LINUX_6_1

    def on(self, profile: Profile | None) -> Setup:
        """The same on another kernel, if there is one."""
        return self if profile is None else replace(self, profile=profile)

    def start(self, policy: Policy, seed: int) -> Simulation:
        """The machine as it was recorded, with the tasks about to start."""
        snapshot = self.origin.drawn(seed)
        memory = boot.from_snapshot(snapshot, RECLAIMERS, policy, self.profile)
        memory.nr_swap_pages = self.swap_pages
        sysctl.apply(memory, self.values, self.wanted)
        touch_mapped_pages(memory, snapshot, seed, self.touched_percent)
        demand = self.demand
        if not len(demand.write_ns):
            demand = replace(demand, write_ns=np.array([DEFAULT_WRITE_NS], np.int64))
        demand = with_dirty_limit(demand, self.values)
        return Simulation(memory, demand, seed, self.values["vm.dirty_background_ratio"])


@dataclass(frozen=True)
class Synthetic:
    """A workload without a recording: an empty machine, and a demand made anew for each seed."""

    demand: Callable[[int], Demand]
    profile: Profile
    mebibytes: int
    cpus: int
    swap_mebibytes: int
    values: Mapping[str, int]
    wanted: Mapping[str, str]
    reclaimers: int = RECLAIMERS

    def on(self, profile: Profile | None) -> Synthetic:
        """The same on another kernel, if there is one; its pages and pageblocks stay as large as they are."""
        if profile is None:
            return self
        own = self.profile
        other = replace(profile, max_order=own.max_order, pageblock_order=own.pageblock_order, page_size=own.page_size)
        return replace(self, profile=other)

    def start(self, policy: Policy, seed: int) -> Simulation:
        """The machine after boot, with the tasks about to start."""
        marks = {name: self.values[name] for name in sysctl.MARKS if name in self.wanted}
        memory = boot.empty_machine(self.mebibytes, self.cpus, self.reclaimers, policy, marks, self.profile)
        memory.nr_swap_pages = (self.swap_mebibytes << 20) // self.profile.page_size
        sysctl.apply(memory, self.values, {name: text for name, text in self.wanted.items() if name not in marks})
        if "vm.percpu_pagelist_high_fraction" in marks:
            sysctl.set_pcp_highs(memory, self.values["vm.percpu_pagelist_high_fraction"])
        demand = with_dirty_limit(self.demand(seed), self.values)
        return Simulation(memory, demand, seed, self.values["vm.dirty_background_ratio"])


def simulate(
    setup: Setup | Synthetic,
    policy: Policy,
    seed: int,
    progress: Callable[[float], None] | None = None,
    check_every: int = 0,
    watch: Callable[[Simulation], Observer] | None = None,
) -> dict[str, float]:
    """Run until every task is through its demand; metrics by name.

    Args:
        setup: the workload and the machine.
        policy: who is asked about capture.
        seed: of what the recording leaves open: device latencies, which mapped pages were used lately.
        progress: called with the share of operations done.
        check_every: check all invariants each time so many steps are done (0: at the end only).
        watch: makes the observer of the run, who looks at every pause and sees the same figures.
    """
    simulation = setup.start(policy, seed)
    observer = watch(simulation) if watch else None
    while simulation.advance(check_every or STEPS):
        raise_policy_error(policy)
        if observer:
            observer.look()
        if check_every:
            invariants.check(simulation.m)
        if progress:
            progress(simulation.share_done())
    raise_policy_error(policy)
    invariants.check(simulation.m)
    return metrics(simulation)


def with_dirty_limit(demand: Demand, values: Mapping[str, int]) -> Demand:
    """The demand under the user's vm.dirty_ratio, where there is one."""
    ratio = values["vm.dirty_ratio"]
    return replace(demand, dirty_ratio=ratio) if ratio else demand


def touch_mapped_pages(memory: Memory, snapshot: Snapshot, seed: int, percent: int) -> None:
    """A snapshot does not tell which mapped pages were used since the last scan: the seed draws a share."""
    draw = np.random.default_rng(seed).random(len(snapshot.flags)) * 100 < percent
    for lru in range(4):
        pfns = snapshot.lru_list(lru)
        memory.set_flag(pfns[draw[pfns] & (snapshot.mapcount[pfns] >= 0)].tolist(), PG_YOUNG)


def raise_policy_error(policy: Any) -> None:
    """An exception in a user's policy stops the run."""
    if isinstance(policy, Together):
        raise_policy_error(policy.capturing)
        raise_policy_error(policy.other)
    if isinstance(policy, PlainPolicy) and policy.error is not None:
        raise policy.error


def success_percent(successes: float, attempts: float) -> float:
    """How many of the attempts succeeded; 0 of none."""
    return 100 * successes / attempts if attempts else 0.0


def metrics(simulation: Simulation) -> dict[str, float]:
    """Every counter of the run."""
    m = simulation.m
    found = dict(zip(NAMES, (float(value) for value in m.array("vmstat")), strict=False))
    found["oom_kills"] = found.pop("oom_kill")
    for state in ("nr_dirty", "nr_writeback"):  # not events: what was left at the end
        del found[state]
    synthetic = {name: found.pop(name) for name in SYNTHETIC}
    found["success_percent"] = success_percent(found["high_order_successes"], found["high_order_attempts"])
    found["withheld_peak_pages"] = float(m.withheld_peak)
    found["withheld_page_ms"] = simulation.withheld_page_ns / 1e6
    found["extfrag_events"] = float(m.extfrag_events)
    found["stall_ms"] = simulation.requests.stall_ns / 1e6
    found["longest_stall_ms"] = simulation.requests.longest_stall_ns / 1e6
    found["nr_free_pages"] = float(m.array("zone")["free_pages"].sum())
    found["simulated_seconds"] = simulation.clock / 1e9
    return found if simulation.ends_at == 0 else found | synthetic | pass_metrics(simulation)


def pass_metrics(simulation: Simulation) -> dict[str, float]:
    """What only a synthetic load tells apart: success of each pass, and what others waited for a page."""
    found = {
        f"{name} success_percent": 100 * served / asked
        for name, (asked, served) in simulation.high_order_by_task().items()
    }
    found["order0_requests"] = float(simulation.requests.order0)
    found["order0_stalls"] = float(simulation.requests.order0_stalls)
    found["order0_stall_ms"] = simulation.requests.order0_stall_ns / 1e6
    found["order0_longest_stall_ms"] = simulation.requests.order0_longest_ns / 1e6
    return found
