"""What a replay knows: the trace, the model of the memory it was recorded on, and how the two have agreed so far."""

from __future__ import annotations

from dataclasses import replace

import cython
import numpy as np

from recap.kernel import WMARK_LOW, WMARK_MIN, stat_threshold
from recap.pages import Array, Memory, adopt
from recap.sim.open_loop.capture_events import CaptureEvents
from recap.sim.open_loop.compaction_events import Compactors
from recap.sim.open_loop.operations import Operations
from recap.trace import Events
from recap.trace.table import CAPTURE_STEPS

if not cython.compiled:
    from recap.mm.page_alloc import gfp_migratetype
    from recap.mm.pcplist import order_to_pindex
    from recap.pages import page_zone, zone_pcp
    from recap.trace.event import Event

    # What no event reports, and is inferred; INFERENCES has the words.
    BULK_ALLOCATIONS, LATE_REPORTS, LOCKED_LISTS, EMPTIED_LISTS, LAGGING_COUNTERS, DIRTY_LIMITS = range(6)
    EARLY_SLEEPS, ISOLATED_PAGES, SEARCHED_PAGES, TURNED_LISTS, LATE_FREES, REORDERED_LISTS = range(6, 12)

    # Where the model went another way than the kernel; DEVIATIONS has the words.
    ALLOCATION, REFILL, DRAIN_STEPS, STRAY_FRAME, UNKNOWN_FREE, ISOLATION, CAPTURE_STEP = range(7)

INFERENCES = {
    "bulk_allocations": "frames that left a per-cpu list unreported: __alloc_pages_bulk has no tracepoint",
    "late_reports": "allocations made before something that the trace shows first: they are reported last of all",
    "locked_lists": "per-cpu lists found locked, by what was interrupted or a drain from another CPU, and gone past",
    "emptied_lists": "per-cpu lists emptied whole for somebody (drain_pages_zone), known by what they gave back",
    "lagging_counters": "zones chosen or refused by a counter of free pages that lagged behind, within its limit",
    "dirty_limits": "requests to write that the node's limit of dirty pages refused at the low watermark",
    "early_sleeps": "times kswapd was done, by the size of the per-cpu lists, before it was seen to sleep",
    "isolated_pages": "pages compaction took free, reported as a range and their number",
    "searched_pages": "pages compaction's quick search took free, unreported",
    "turned_lists": "free lists that compaction's quick searches turned, as one turns a ring",
    "late_frees": "frees reported before an interrupt's, and done after them",
    "reordered_lists": "free lists cut and put together as the trace takes their blocks, for each cut a quick search",
}
DEVIATIONS = (
    "allocation",  # another frame was handed out
    "refill",  # other blocks were taken from the free lists
    "drain",  # other blocks were given back
    "stray",  # a per-cpu list holds a frame that the kernel's does not
    "free",  # a frame was freed that the model holds free
    "isolation",  # compaction's range holds another number of free pages
    "capture",  # page capture did something else with a block
)
MOST_DEVIATIONS = 1 << 16  # kept; more are only counted


class Replay:
    """An allocator trace beside a model of the memory it was recorded on.

    Args:
        memory: the state at the first event.
        events: the trace from there on.
    """

    def __init__(self, memory: Memory, events: Events) -> None:
        memory.trace(2 * int(memory.array("pcp")["high"].max()) + 1024)  # more than any operation takes
        if memory.profile.rules.claims_or_steals:
            events = with_steals(events)
        events = with_orders(events)
        self.m = memory
        self.ops = Operations(events, int(memory.nr_frames))
        self.captures = CaptureEvents(self.ops, events, memory)
        self.compactors = Compactors(self.ops, events, memory)
        self.event = adopt(events.event)
        self.cpu = adopt(events.cpu)
        self.context = adopt(events.context)
        self.pid = adopt(events.pid)
        self.pfn = adopt(events.pfn)
        self.order = adopt(events.order)
        self.migratetype = adopt(events.migratetype)
        self.flags = adopt(events.flags)
        self.a = adopt(events.a)
        self.b = adopt(events.b)
        self.now = 0  # the event being applied
        self.next_sleep = 0  # the next of ops.sleeps
        self.start_counting()
        self.know_nothing(memory)

    def know_nothing(self, memory: Memory) -> None:
        """What is known of the trace as it goes by."""
        pcps = int(memory.nr_zones) * int(memory.nr_cpus)
        # Of each zone.
        self.counter_lag = adopt(counter_lag(memory))  # pages by which its counter of free pages may lag behind
        self.turned = adopt(np.zeros(memory.nr_zones, np.int32))  # a bit for each order whose list may be turned

        self.searches = adopt(np.zeros(memory.nr_zones, np.int64))  # that compaction may have made in it
        # Of each zone's order: how many of them have explained a cut in its list.
        self.explained = adopt(np.zeros(int(memory.nr_zones) * int(memory.max_order), np.int64))

        # Of each CPU.
        self.run_zone = adopt(np.zeros(memory.nr_cpus, np.int64))  # where its steps under the zone lock are under way
        self.run_pages = adopt(np.zeros(memory.nr_cpus, np.int64))  # pages that they took (less than 0) or gave back
        self.run_end = adopt(np.zeros(memory.nr_cpus, np.int64))  # the last of them
        self.interrupt = adopt(np.zeros(memory.nr_cpus, np.uint8))  # NO_INTERRUPT, IN_INTERRUPT_NOW or FOUND_LOCK
        self.interrupted = adopt(np.zeros(memory.nr_cpus, np.int32))  # pid of what the last interrupt came to
        self.looked_until = adopt(np.full(memory.nr_cpus, -1, np.int64))  # events of its interrupt were read up to here
        self.all_locked_out = adopt(np.zeros(memory.nr_cpus, np.uint8))  # 1: all its frees found the lists locked
        self.put_off = adopt(np.full(memory.nr_cpus, -1, np.int64))  # a free that is done after an interrupt's, or -1
        self.passing_by = adopt(np.full(memory.nr_cpus, -1, np.int32))  # the last page of a list that is past its lists
        self.compacting = adopt(np.zeros(memory.nr_cpus, np.int32))  # the zone that it compacts

        # Of each CPU's lists of a zone.
        self.drain_until = adopt(np.zeros(pcps, np.int64))  # the last step by which they were drained
        self.factor_before = adopt(np.zeros(pcps, np.int32))  # their free_factor when the last interrupt came
        self.freed_since = adopt(np.zeros(pcps, np.int32))  # frames put on them since then
        self.other_factor = adopt(np.full(pcps, -1, np.int32))  # what free_factor is if a late report was made before

        # Of each frame.
        self.freed_at = adopt(np.full(memory.nr_frames, -1, np.int32))  # the event that freed it last, or -1

    def start_counting(self) -> None:
        """Nothing is predicted, nothing inferred yet."""
        self.allocations = 0
        self.exact = 0
        self.mismatched = 0
        self.failed = 0
        self.frees_unknown = 0
        self.taken = 0
        self.taken_exact = 0
        self.drained = 0
        self.drained_exact = 0
        self.inferred = adopt(np.zeros(len(INFERENCES), np.int64))  # how often, of each kind

        self.nr_deviations = 0
        self.deviation_kind = adopt(np.zeros(MOST_DEVIATIONS, np.uint8))  # ALLOCATION ... ISOLATION
        self.deviation_at = adopt(np.zeros(MOST_DEVIATIONS, np.int64))  # the event that the model stood at
        self.deviation_event = adopt(np.zeros(MOST_DEVIATIONS, np.int64))  # the event concerned, or -1
        self.deviation_frame = adopt(np.zeros(MOST_DEVIATIONS, np.uint32))  # the model's frame

    def inferences(self) -> dict[str, int]:
        """How often each kind of inference was made."""
        return {name: int(self.inferred[kind]) for kind, name in enumerate(INFERENCES)}

    def captured(self) -> dict[str, tuple[int, int, int]]:
        """The steps of page capture by kind: the kernel's, those that the model did as well, those that only it did."""
        c = self.captures
        steps = enumerate(CAPTURE_STEPS[: len(CAPTURE_STEPS) - 1])
        return {name: (int(c.counted[kind]), int(c.exact[kind]), int(c.extra[kind])) for kind, name in steps}

    def deviations(self) -> list[tuple[str, int, int, int]]:
        """Where the model went another way: (kind, event the model stood at, event concerned or -1, model's frame)."""
        return [
            (
                DEVIATIONS[self.deviation_kind[n]],
                int(self.deviation_at[n]),
                int(self.deviation_event[n]),
                int(self.deviation_frame[n]),
            )
            for n in range(min(self.nr_deviations, MOST_DEVIATIONS))
        ]


def with_steals(events: Events) -> Events:
    """The trace of a kernel that claims pageblocks or steals blocks: what it stole is told as taken.

    Such a kernel reports a fallback after the step that takes the block, and where it stole one no such step.
    """
    event = events.event.copy()
    for cpu in range(events.cpus):
        rows = np.flatnonzero(events.cpu == np.uint16(cpu))
        before = np.roll(rows, 1)
        fell = event[rows] == np.uint8(Event.MM_PAGE_ALLOC_EXTFRAG)
        told = events.event[before] == np.uint8(Event.MM_PAGE_ALLOC_ZONE_LOCKED)
        lone = rows[fell & ~(told & (events.pfn[before] == events.pfn[rows]))]
        event[lone] = np.uint8(Event.MM_PAGE_ALLOC_ZONE_LOCKED)
    return replace(events, event=event)


def with_orders(events: Events) -> Events:
    """The trace with the orders of blocks that were freed in a batch: they are told when the batch is prepared only."""
    rows = np.flatnonzero((events.event - np.uint8(Event.MM_PAGE_FREE)) <= np.uint8(1))
    rows = rows[np.argsort(events.pfn[rows], kind="stable")]
    before = np.roll(rows, 1)
    batched = events.event[rows] == np.uint8(Event.MM_PAGE_FREE_BATCHED)
    prepared = (events.event[before] == np.uint8(Event.MM_PAGE_FREE)) & (events.pfn[before] == events.pfn[rows])
    known = batched & prepared & (events.order[before] > 0)
    if not known.any():
        return events
    order = events.order.copy()
    order[rows[known]] = events.order[before[known]]
    return replace(events, order=order)


def counter_lag(memory: Memory) -> Array:
    """By how many pages each zone's counter of free pages may lag behind: what all CPUs may keep to themselves."""
    cpus = int(memory.nr_cpus)
    lags = [
        cpus
        * stat_threshold(
            int(zone["managed"]), int(zone["watermark"][WMARK_LOW]), int(zone["watermark"][WMARK_MIN]), cpus
        )
        for zone in memory.array("zone")
    ]
    return np.array(lags, np.int64)


def pcp_number(r: Replay, i: int) -> int:
    """Whose per-cpu lists an event is about: those of its CPU for the zone of its frame."""
    return zone_pcp(r.m, page_zone(r.m, r.pfn[i]), r.cpu[i])


def requested_pindex(r: Replay, i: int) -> int:
    """Which per-cpu list serves a traced allocation."""
    return order_to_pindex(gfp_migratetype(r.flags[i]), r.order[i])


def deviate(r: Replay, kind: int, event: int, frame: int) -> None:
    """Note that the model went another way."""
    n = r.nr_deviations
    if n < len(r.deviation_kind):
        r.deviation_kind[n] = kind
        r.deviation_at[n] = r.now
        r.deviation_event[n] = event
        r.deviation_frame[n] = frame
    r.nr_deviations += 1
