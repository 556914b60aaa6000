"""What a recording leaves open and a comparison assumes, each as a number that can be varied: `recap sweep` does it.

All are percents. The usual value is what the recording says, or the middle where it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType

from recap.demand.compaction_costs import CompactionCosts
from recap.demand.demand import Demand
from recap.demand.reclaim_costs import LOOKED_NS, ReclaimCosts
from recap.demand.use_again import used_again
from recap.errors import InputError
from recap.sim.run import TOUCHED_PERCENT, Setup

PREFIX = "assume."


@dataclass(frozen=True)
class Assumption:
    """What is assumed, within which bounds it may be varied, and how."""

    says: str
    least: int
    usual: int
    most: int
    apply: Callable[[Setup, int], Setup]


def of_demand(change: Callable[[Demand, int], Demand]) -> Callable[[Setup, int], Setup]:
    """A change of the demand as one of the setup."""
    return lambda setup, percent: replace(setup, demand=change(setup.demand, percent))


def touched(setup: Setup, percent: int) -> Setup:
    """Which mapped pages were used lately."""
    return replace(setup, touched_percent=percent)


def pace(demand: Demand, percent: int) -> Demand:
    """How far ahead of the recording a task may get."""
    return replace(demand, op_due=demand.op_due * percent // 100)


def reclaim_time(demand: Demand, percent: int) -> Demand:
    """Another CPU."""
    costs = demand.reclaim_costs or ReclaimCosts()
    pages = {
        name: getattr(costs, name) * percent // 100
        for name in ("scanned", "stolen", "deactivated", "written", "skipped")
    }
    return replace(demand, reclaim_costs=replace(costs, **pages))


def question_time(demand: Demand, percent: int) -> Demand:
    """What a look at the block around a reclaimed page takes."""
    costs = demand.reclaim_costs or ReclaimCosts()
    return replace(demand, reclaim_costs=replace(costs, looked=costs.looked * percent // 100))


def shrinker_time(demand: Demand, percent: int) -> Demand:
    """What batches take beside their pages."""
    costs = demand.reclaim_costs or ReclaimCosts()
    passes = replace(costs.passes, took=costs.passes.took * percent // 100)
    delays = {name: getattr(costs, name) * percent // 100 for name in ("delays", "first_delays", "direct_delays")}
    return replace(demand, reclaim_costs=replace(costs, passes=passes, **delays))


def compaction_time(demand: Demand, percent: int) -> Demand:
    """The same of compaction."""
    costs = demand.compaction_costs or CompactionCosts()
    scaled = replace(costs, scanned=costs.scanned * percent // 100, moved=costs.moved * percent // 100)
    return replace(demand, compaction_costs=scaled)


def contention(demand: Demand, percent: int) -> Demand:
    """How often other CPUs hold compaction's locks."""
    costs = demand.compaction_costs or CompactionCosts()
    return replace(demand, compaction_costs=replace(costs, contended=min(1.0, costs.contended * percent / 100)))


def cpu_wait(demand: Demand, percent: int) -> Demand:
    """Waits for a CPU inside compaction."""
    return replace(demand, compaction_wait=demand.compaction_wait * percent / 100)


def write_time(demand: Demand, percent: int) -> Demand:
    """Another device."""
    return replace(demand, write_ns=demand.write_ns * percent // 100)


ASSUMPTIONS: MappingProxyType[str, Assumption] = MappingProxyType(
    {
        "assume.touched": Assumption(
            "of the pages mapped at the start were used since the last scan, drawn by the seed",
            0,
            TOUCHED_PERCENT,
            100,
            touched,
        ),
        "assume.pace": Assumption(
            "of the recorded time must be over before a task does what it did then", 0, 100, 100, of_demand(pace)
        ),
        "assume.reclaim_time": Assumption(
            "of the CPU time that kswapd's usual batches took, by what they did with pages",
            10,
            100,
            1000,
            of_demand(reclaim_time),
        ),
        "assume.shrinker_time": Assumption(
            "of what batches took beside that (slab shrinkers, interrupts), drawn by the seed",
            0,
            100,
            1000,
            of_demand(shrinker_time),
        ),
        "assume.question_time": Assumption(
            f"of {LOOKED_NS} ns for each page of a block that kosaki's question looks at, measured on kernel/",
            0,
            100,
            10_000,
            of_demand(question_time),
        ),
        "assume.compaction_time": Assumption(
            "of the CPU time that compaction took for each page scanned and moved",
            10,
            100,
            1000,
            of_demand(compaction_time),
        ),
        "assume.contention": Assumption(
            "of the recorded share of asynchronous compaction's batches that met a lock, drawn by the seed",
            0,
            100,
            1000,
            of_demand(contention),
        ),
        "assume.cpu_wait": Assumption(
            "of the time that recorded compaction waited for a CPU, for each ns it ran",
            0,
            100,
            1000,
            of_demand(cpu_wait),
        ),
        "assume.write_time": Assumption(
            "of the recorded latencies of writes, drawn by the seed; up to 256 pages share a request",
            10,
            100,
            1000,
            of_demand(write_time),
        ),
        "assume.anon_again": Assumption(
            "of the anonymous pages are used again after their first use", 0, 0, 100, of_demand(used_again)
        ),
    }
)


def is_assumption(name: str) -> bool:
    """Is it one of these rather than a kernel parameter?"""
    return name.startswith(PREFIX)


def vary(setup: Setup, name: str, percent: int) -> Setup:
    """The same runs with one assumption changed.

    Errors:
        InputError: there is no such assumption, or the value is out of its bounds.
    """
    if name not in ASSUMPTIONS:
        raise InputError("sweep", name, "is not an assumption", f"there are {', '.join(ASSUMPTIONS)}")
    found = ASSUMPTIONS[name]
    if not found.least <= percent <= found.most:
        problem = f"cannot be {percent}"
        raise InputError("sweep", name, problem, f"take a percentage from {found.least} to {found.most}")
    return setup if percent == found.usual else found.apply(setup, percent)


def assumed() -> list[str]:
    """One line for each, as `compare` lists them."""
    return [f"{found.usual} % {found.says} ({name})" for name, found in ASSUMPTIONS.items()]
