"""Machines so small that all of their memory can be thought through, and what scenarios do to them.

Pageblocks have 32 frames and the largest block 128; per-cpu lists are filled one block at a time.
"""

from __future__ import annotations

from typing import Any

from recap.kernel import ZONE_DMA32
from recap.mm import invariants
from recap.mm.machine import Machine
from recap.policy.policy import Policy
from tests.mm.load import MOVABLE
from tests.mm.twins import memory
from tests.reference.state import Shape, ZoneShape

BLOCK = 32
NO_MARKS = (0, 0, 0, 0)
SMALL: dict[str, Any] = {"max_order": 8, "pageblock_order": 5}


def machine_of(
    *zones: ZoneShape, frames: int = 256, marks: tuple[int, int, int, int] = NO_MARKS, **shape: Any
) -> Machine:
    """A machine of one zone of so many frames, or of these zones."""
    made = Shape(
        zones or (ZoneShape(ZONE_DMA32, frames, marks),),
        **{"pcp_batch": 1, "pcp_high": 1000} | SMALL | shape,
    )
    return Machine(memory(made, Policy()))


def full_machine(policy: Policy) -> Machine:
    """128 frames, every one a page in use that reclaim could free."""
    shape = Shape((ZoneShape(ZONE_DMA32, 128, NO_MARKS),), pcp_batch=1, pcp_high=1000, **SMALL)
    machine = Machine(memory(shape, policy))
    for pfn in fill(machine):
        machine.mark_lru(pfn)
    return machine


def alloc(machine: Machine, order: int = 0, gfp: int = MOVABLE) -> int:
    pfn = machine.alloc_pages(order, gfp)
    assert pfn is not None
    return pfn


def fill(machine: Machine, order: int = 0, gfp: int = MOVABLE) -> list[int]:
    """Allocate until nothing is left for such requests, and empty the per-cpu lists."""
    got = []
    while (pfn := machine.alloc_pages(order, gfp)) is not None:
        got.append(pfn)
    machine.drain_all_pages()
    return got


def free(machine: Machine, *pfns: int, order: int = 0) -> None:
    """Free blocks one after the other, past the per-cpu lists."""
    for pfn in pfns:
        machine.free_pages(pfn, order)
        machine.drain_all_pages()
    invariants.check(machine.memory)


def reclaim(machine: Machine, *pfns: int, number: int = 0) -> None:
    """Release pages as a reclaimer whose capture list keeps every one."""
    for pfn in pfns:
        assert machine.reclaim_page(pfn, number)
    invariants.check(machine.memory)


def zone_field(machine: Machine, field: str, zone: int = 0) -> int:
    return int(machine.memory.array("zone")[field][zone])


def pcp_field(machine: Machine, field: str) -> int:
    return int(machine.memory.array("pcp")[field][0])


def pageblock(machine: Machine, pfn: int) -> int:
    return int(machine.memory.array("pageblock")[pfn // BLOCK])
