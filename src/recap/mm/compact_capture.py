"""Compaction capture: a direct compactor keeps the block it has just freed (5e1f0f098b46, 5.1).

Only what it frees itself, only in the zone it compacts, only a block of exactly the wanted order. Zone.capc is the
compact control of who works there at this moment, as current->capture_control is in the kernel; 0 if nobody captures.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from recap.kernel import MIGRATE_ISOLATE, MIGRATE_MOVABLE, NONE, STATE_ALLOCATED
    from recap.pages import Memory


def compaction_capture(m: Memory, zone: int, pfn: int, order: int, migratetype: int) -> bool:
    """Does the compactor at work keep this block? (compaction_capture)

    Small blocks of movable pageblocks are left, so that they do not mix.
    """
    capc = m.zone[zone].capc
    if order != m.cc[capc].order or m.cc[capc].page != NONE:
        return False
    if migratetype == MIGRATE_ISOLATE or (order < m.pageblock_order and migratetype == MIGRATE_MOVABLE):
        return False
    m.cc[capc].page = pfn
    m.page[pfn].state = STATE_ALLOCATED
    m.page[pfn].order = order
    return True
