"""What reclaim costs in CPU time, measured in a trace: how long kswapd's usual batches took, by what they did.

A page's cost is a median, because a few batches take milliseconds more: interrupts, the host of a virtual machine, and
the shrinkers in between. What batches took beside that is kept as a distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from recap.demand.running import own_time
from recap.pages import Array
from recap.trace import Event, Events

BATCH = 32
LEAST = 10  # batches of a kind from which it counts as measured
LONG_SKIP = 8 * BATCH
LOOKED_NS = 105  # python kernel/question.py kernel/runs.jsonl: no recording of an unchanged kernel tells it


@dataclass(frozen=True, eq=False)
class ReclaimCosts:
    """ns of CPU time for each page, and `delays` (ns) to draw from: what a batch took more or less than its pages."""

    scanned: int = 1_000  # of an inactive list, taken off and judged
    stolen: int = 0  # besides, if it is freed
    deactivated: int = 1_000  # of an active list
    written: int = 0  # besides, if it is handed to the device
    skipped: int = 0  # of a zone that is not wanted, passed over
    looked: int = LOOKED_NS  # of a block around a reclaimed page, looked at by a policy that asks what reclaim can free
    delays: Array = field(default_factory=lambda: np.zeros(1, np.int64))

    def of_pages(self, active: Array, pages: Array, stolen: Array, written: Array) -> Array:
        """What batches cost without their delays; `kswapd_batches` tells what the arguments are."""
        judged = np.minimum(pages, BATCH)
        inactive = judged * self.scanned + (pages - judged) * self.skipped + stolen * self.stolen
        return np.asarray(np.where(active, judged * self.deactivated, inactive) + written * self.written)


def reclaim_costs(events: Events) -> ReclaimCosts | None:
    """What a trace tells; None if kswapd hardly worked, or its batches were not traced."""
    kswapd = [pid for pid, comm in events.comms.items() if comm.startswith("kswapd")]
    batches = [kswapd_batches(events, pid) for pid in kswapd]
    if not batches:
        return None
    active, pages, stolen, written, took = (np.concatenate(column) for column in zip(*batches, strict=True))
    full = (active == 0) & (pages == BATCH)
    idle = usual(took[full & (stolen == 0) & (written == 0)])
    fruitful = usual(took[full & (stolen == BATCH) & (written == 0)])
    if fruitful is None:
        return None
    scanned = (fruitful / 4 if idle is None else min(idle, fruitful)) / BATCH
    freed = fruitful / BATCH - scanned
    rest = took - scanned * np.minimum(pages, BATCH) - freed * stolen
    out = written >= BATCH // 2
    far = (active == 0) & (pages > LONG_SKIP) & (written == 0)
    deactivated = usual(took[(active == 1) & (pages == BATCH)])
    write = usual(rest[out] / written[out])
    skipped = usual(rest[far] / (pages[far] - BATCH), 1)
    costs = ReclaimCosts(
        scanned=round(scanned),
        stolen=round(freed),
        deactivated=round(scanned / 2 if deactivated is None else deactivated / BATCH),
        written=max(0, round(2 * freed if write is None else write)),
        skipped=max(0, round(scanned / 10 if skipped is None else skipped)),
    )
    delays = np.sort(took - costs.of_pages(active == 1, pages, stolen, written))
    return replace(costs, delays=delays.astype(np.int64))


def usual(times: Array, least: int = LEAST) -> float | None:
    """The median, if there are enough."""
    return float(np.median(times)) if len(times) >= least else None


def kswapd_batches(events: Events, pid: int) -> tuple[Array, Array, Array, Array, Array]:
    """Each batch of one kswapd: (from an active list?, pages scanned, stolen, written, ns it ran since the last one).

    The pages that an active list was asked for are those taken.
    """
    rows, ran = own_time(events, pid)
    event = events.event[rows]
    wrote = np.cumsum(event == np.uint8(Event.MM_VMSCAN_WRITE_FOLIO))
    active = event == np.uint8(Event.MM_VMSCAN_LRU_SHRINK_ACTIVE)
    ends = active | (event == np.uint8(Event.MM_VMSCAN_LRU_SHRINK_INACTIVE))
    marks = np.flatnonzero(ends | (event == np.uint8(Event.MM_VMSCAN_KSWAPD_WAKE)))
    marks, since = marks[1:], marks[:-1]
    marks, since = marks[ends[marks]], since[ends[marks]]
    stolen = np.where(active[marks], 0, events.b[rows[marks]])
    return active[marks], events.a[rows[marks]], stolen, wrote[marks] - wrote[since], ran[marks] - ran[since]
