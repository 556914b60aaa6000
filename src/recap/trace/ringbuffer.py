"""The kernel's ring-buffer pages, walked record by record and merged into columns.

A stream is the pages of one CPU, of which a share after the other is in one bounded buffer. `fill` merges all
streams in time order into columns, until it has filled enough rows, or a stream has no page ready, or one makes
no sense. Nothing outside the buffer is ever read, whatever the bytes: each length is checked before it is followed.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import cython

COMPILED: bool = bool(cython.compiled)

if not cython.compiled:  # compiled, they are the constants of the header
    from recap.trace.event import NO_PFN

    # What a step along a stream comes to.
    END, MORE, WAIT, BAD = 0, 1, 2, 3

    # What can be wrong with a page; FAULTS has the words.
    FAULT_HEADER, FAULT_COMMIT, FAULT_STAMP, FAULT_BACKWARDS, FAULT_RECORD, FAULT_EVENT = 1, 2, 3, 4, 5, 6

    # Record types of the ring buffer; 1 to 28 are data, the length in words.
    PADDING, TIME_EXTEND, TIME_STAMP = 29, 30, 31
    NO_EVENT = -1  # the size of none

    COMMIT_MASK = 0x7FFFFFF  # above it the page's flags: events were missed, and their count is stored
    STAMP_WIDTH = 59  # an absolute stamp lacks the bits above
    TIME_WIDTH = 62  # no time has more bits, and so no sum below overflows

    # The columns an event's fields may go to.
    PID, CONTEXT, PFN, ORDER, MIGRATETYPE, FLAGS, A, B, NR_SLOTS = 0, 1, 2, 3, 4, 5, 6, 7, 8

    # How a field is read: a number of so many bytes (8 bytes are two's complement, signed or not) ...
    ABSENT, NUMBER_8, UNSIGNED_4, SIGNED_4, UNSIGNED_2, SIGNED_2 = 0, 1, 2, 3, 4, 5
    UNSIGNED_1, SIGNED_1 = 6, 7
    # ... whether text such as "WS" has a W, or where in the buffer the field begins and its event ends.
    WRITES, BEGINS, ENDS = 8, 9, 10

    LOW32 = 0xFFFFFFFF
    INT_MAX = 0x7FFFFFFF
    W = 0x57  # the letter

TWO_32 = 1 << 32
FAULTS = {
    FAULT_HEADER: "the page is cut off inside its header",
    FAULT_COMMIT: "the page says it holds more bytes than a page can",
    FAULT_STAMP: "the time stamp is beyond any clock",
    FAULT_BACKWARDS: "time runs backwards on one CPU",
    FAULT_RECORD: "a record runs past the end of its page",
    FAULT_EVENT: "an event is shorter than its format says",
}
SLOTS = {
    "pid": PID,
    "context": CONTEXT,
    "pfn": PFN,
    "order": ORDER,
    "migratetype": MIGRATETYPE,
    "flags": FLAGS,
    "a": A,
    "b": B,
}
NUMBERS = {
    (8, True): NUMBER_8,
    (8, False): NUMBER_8,
    (4, True): SIGNED_4,
    (4, False): UNSIGNED_4,
    (2, True): SIGNED_2,
    (2, False): UNSIGNED_2,
    (1, True): SIGNED_1,
    (1, False): UNSIGNED_1,
}
HOW = {"writes": WRITES, "begins": BEGINS, "ends": ENDS}
COMMIT = int(COMMIT_MASK)
LATEST = (1 << int(TIME_WIDTH)) - 1


class Pages:
    """Streams of pages in one buffer, a cursor on each one's current event, and a heap of them by time."""

    def __init__(
        self,
        data: memoryview,
        cpu: Sequence[int],
        page_size: Sequence[int],
        commit: int,
        payload: int,
    ) -> None:
        streams = len(cpu)
        self.data = data
        self.cpu = array("H", cpu)
        self.ready = array("q", bytes(8 * streams))
        self.last = array("B", bytes(streams))
        self.page_size = array("q", page_size)
        self.commit = commit
        self.payload = payload
        self.page = array("q", map(int.__neg__, page_size))
        self.at = array("q", bytes(8 * streams))
        self.end = array("q", bytes(8 * streams))
        self.body = array("q", bytes(8 * streams))
        self.size = array("q", [NO_EVENT]) * streams
        self.time = array("q", [-1]) * streams  # first of all, until it has its first event
        self.heap = array("q", range(streams))
        self.live = streams
        self.hungry = -1
        self.fault = 0
        self.fault_at = 0

    def feed(self, stream: int, start: int, stop: int, last: int) -> None:
        """Say where a stream's next pages are, and whether they are its last."""
        self.page[stream] = start - self.page_size[stream]
        self.ready[stream] = stop
        self.last[stream] = last


class Plan:
    """For every event id its row, or -1; for every row its event, least length, and a field for each slot."""

    def __init__(
        self,
        row: array[int],
        event: array[int],
        need: array[int],
        offset: array[int],
        width: array[int],
        how: array[int],
    ) -> None:
        self.row = row
        self.event = event
        self.need = need
        self.offset = offset
        self.width = width
        self.how = how


class Columns:
    """Writable views of the table's columns, given by their names."""

    def __init__(self, views: dict[str, Any]) -> None:
        self.time = views["time"]
        self.event = views["event"]
        self.cpu = views["cpu"]
        self.context = views["context"]
        self.pid = views["pid"]
        self.pfn = views["pfn"]
        self.order = views["order"]
        self.migratetype = views["migratetype"]
        self.flags = views["flags"]
        self.a = views["a"]
        self.b = views["b"]


if not cython.compiled:  # compiled, they are in the header, where one load does it

    def u16(pages: Pages, at: int) -> int:
        """Two bytes."""
        return int.from_bytes(pages.data[at : at + 2], "little")

    def u32(pages: Pages, at: int) -> int:
        """Four bytes."""
        return int.from_bytes(pages.data[at : at + 4], "little")


def fail(pages: Pages, fault: int, at: int) -> int:
    """Note what is wrong, and where."""
    pages.fault = fault
    pages.fault_at = at
    return BAD


def turn_page(pages: Pages, stream: int) -> int:
    """Step to the stream's next page."""
    page = pages.page[stream] + pages.page_size[stream]
    room = pages.ready[stream] - page
    if room < pages.page_size[stream] and not pages.last[stream]:
        return WAIT
    if room <= 0:
        return END
    if room > pages.page_size[stream]:
        room = pages.page_size[stream]
    room -= pages.payload
    if room < 0:
        return fail(pages, FAULT_HEADER, page)
    committed = u32(pages, page + pages.commit) & COMMIT_MASK
    if committed > room:
        return fail(pages, FAULT_COMMIT, page)
    high = u32(pages, page + 4)
    if high >> TIME_WIDTH - 32:
        return fail(pages, FAULT_STAMP, page)
    stamp = (high << 32) + u32(pages, page)
    if committed > 0:
        if stamp < pages.time[stream]:
            return fail(pages, FAULT_BACKWARDS, page)
        pages.time[stream] = stamp
    pages.page[stream] = page
    pages.at[stream] = page + pages.payload
    pages.end[stream] = page + pages.payload + committed
    return MORE


def absolute(stamp: int, time: int) -> int:
    """The full time behind an absolute stamp: the first such that is not earlier than `time`."""
    high = time >> STAMP_WIDTH
    if (high << STAMP_WIDTH) + stamp < time:
        high += 1
    return (high << STAMP_WIDTH) + stamp


def set_time(pages: Pages, stream: int, time: int) -> int:
    """Let the stream's clock go on."""
    if time >> TIME_WIDTH:
        return fail(pages, FAULT_STAMP, pages.at[stream])
    pages.time[stream] = time
    return MORE


def take(pages: Pages, stream: int, body: int, size: int) -> int:
    """Make the record with this content the current event, and step behind it, to a whole word."""
    after = body + (size + 3) // 4 * 4
    if after > pages.end[stream]:
        return fail(pages, FAULT_RECORD, pages.at[stream])
    pages.body[stream] = body
    pages.size[stream] = size
    pages.at[stream] = after
    return MORE


def step(pages: Pages, stream: int) -> int:
    """Over one record, which may be an event."""
    at = pages.at[stream]
    left = pages.end[stream] - at
    if left < 4:
        return fail(pages, FAULT_RECORD, at)
    head = u32(pages, at)
    kind = head & 31
    delta = head >> 5
    if 0 < kind < PADDING:
        if take(pages, stream, at + 4, 4 * kind) == BAD:
            return BAD
        return set_time(pages, stream, pages.time[stream] + delta)
    if kind == PADDING and delta == 0:  # the rest of the page
        pages.at[stream] = pages.end[stream]
        return MORE
    if left < 8:
        return fail(pages, FAULT_RECORD, at)
    return step_long(pages, stream, kind, delta)


def step_long(pages: Pages, stream: int, kind: int, delta: int) -> int:
    """Over a record with a second word: the rest of a time, or the length of an event, itself included."""
    at = pages.at[stream]
    time = pages.time[stream]
    word = u32(pages, at + 4)
    if kind >= TIME_EXTEND:
        pages.at[stream] = at + 8
        stamp = (word << 27) + delta
        return set_time(pages, stream, time + stamp if kind == TIME_EXTEND else absolute(stamp, time))
    if word < 4 or take(pages, stream, at + 8, word - 4) == BAD:
        return fail(pages, FAULT_RECORD, at)
    if kind == PADDING:
        pages.size[stream] = NO_EVENT
        if delta == 1:  # what the kernel gives a discarded event that had none, to tell it from a page's end
            return MORE
    elif word < 6:
        return fail(pages, FAULT_EVENT, at)
    return set_time(pages, stream, time + delta)


def advance(pages: Pages, stream: int) -> int:
    """Move the stream's cursor to its next event, over page ends, padding and time records."""
    pages.size[stream] = NO_EVENT
    while True:
        while pages.at[stream] >= pages.end[stream]:
            turned = turn_page(pages, stream)
            if turned != MORE:
                return turned
        moved = step(pages, stream)
        if moved == BAD or pages.size[stream] != NO_EVENT:
            return moved


def makes_sense(pages: Pages) -> bool:
    """Whether there is an event after the other in the first stream up to its end."""
    moved = advance(pages, 0)
    while moved != BAD and moved != END:
        moved = advance(pages, 0)
    return moved == END


def number(pages: Pages, at: int, how: int) -> int:
    """A little-endian number."""
    if how == NUMBER_8:
        value = u32(pages, at + 4)
        value -= (value >> 31) * TWO_32
        value = value * TWO_32 + u32(pages, at)
    elif how == UNSIGNED_4:
        value = u32(pages, at)
    elif how == SIGNED_4:
        value = u32(pages, at)
        value -= (value >> 31) * TWO_32
    elif how == UNSIGNED_2:
        value = u16(pages, at)
    elif how == SIGNED_2:
        value = u16(pages, at)
        value -= value >> 15 << 16
    elif how == UNSIGNED_1:
        value = pages.data[at]
    else:
        value = pages.data[at]
        value -= value >> 7 << 8
    return value


def writes(pages: Pages, at: int, width: int) -> int:
    """Whether a request's flag text has a W."""
    for i in range(width):
        if pages.data[at + i] == 0:
            return 0
        if pages.data[at + i] == W:
            return 1
    return 0


def fetch(pages: Pages, plan: Plan, stream: int, k: int) -> int:
    """The value of field `k` of the plan in the stream's current event."""
    at = pages.body[stream] + plan.offset[k]
    how = plan.how[k]
    if how < WRITES:
        return number(pages, at, how)
    if how == WRITES:
        return writes(pages, at, plan.width[k])
    if how == BEGINS:
        return at
    return pages.body[stream] + pages.size[stream]


def within(value: int, least: int, most: int, otherwise: int) -> int:
    """The value, if its column can hold it."""
    return value if least <= value <= most else otherwise


def store(pages: Pages, plan: Plan, out: Columns, stream: int, row: int, n: int) -> None:
    """Write the stream's current event as row `n` of the table; what it does not say is 0, or 'none'."""
    k = row * NR_SLOTS
    out.time[n] = pages.time[stream]
    out.event[n] = plan.event[row]
    out.cpu[n] = pages.cpu[stream]
    out.context[n] = fetch(pages, plan, stream, k + CONTEXT) & 0xFF if plan.how[k + CONTEXT] else 0
    out.pid[n] = within(fetch(pages, plan, stream, k + PID), 0, INT_MAX, -1) if plan.how[k + PID] else 0
    out.pfn[n] = within(fetch(pages, plan, stream, k + PFN), 0, NO_PFN, NO_PFN) if plan.how[k + PFN] else NO_PFN
    out.order[n] = within(fetch(pages, plan, stream, k + ORDER), 0, 255, 255) if plan.how[k + ORDER] else 0
    out.migratetype[n] = (
        within(fetch(pages, plan, stream, k + MIGRATETYPE), 0, 127, -1) if plan.how[k + MIGRATETYPE] else -1
    )
    out.flags[n] = fetch(pages, plan, stream, k + FLAGS) & LOW32 if plan.how[k + FLAGS] else 0
    out.a[n] = fetch(pages, plan, stream, k + A) if plan.how[k + A] else 0
    out.b[n] = fetch(pages, plan, stream, k + B) if plan.how[k + B] else 0


def before(pages: Pages, x: int, y: int) -> bool:
    """Whether stream x's event precedes stream y's: earlier, or as early on a lower CPU."""
    if pages.time[x] != pages.time[y]:
        return pages.time[x] < pages.time[y]
    return x < y


def sift(pages: Pages, hole: int) -> None:
    """Let the stream at `hole` of the heap sink below those that come before it."""
    stream = pages.heap[hole]
    while True:
        child = 2 * hole + 1
        if child >= pages.live:
            break
        if child + 1 < pages.live and before(pages, pages.heap[child + 1], pages.heap[child]):
            child += 1
        if before(pages, stream, pages.heap[child]):
            break
        pages.heap[hole] = pages.heap[child]
        hole = child
    pages.heap[hole] = stream


def merge(pages: Pages, plan: Plan, out: Columns, counts: memoryview, n: int, limit: int) -> int:
    """What `fill` does, without the interpreter."""
    while pages.live > 0 and n < limit:
        stream = pages.heap[0]
        if pages.size[stream] != NO_EVENT:
            event_id = u16(pages, pages.body[stream])
            counts[event_id] += 1
            row = plan.row[event_id]
            if row >= 0:
                if pages.size[stream] < plan.need[row]:
                    fail(pages, FAULT_EVENT, pages.body[stream])
                    return n
                store(pages, plan, out, stream, row, n)
                n += 1
        moved = advance(pages, stream)
        if moved == WAIT:
            pages.hungry = stream
        if moved >= WAIT:
            return n
        if moved == END:
            pages.live -= 1
            pages.heap[0] = pages.heap[pages.live]
        sift(pages, 0)
    return n


def fill(pages: Pages, plan: Plan, out: Columns, counts: memoryview, n: int, limit: int) -> int:
    """Merge events into the columns from row `n` on, counting them all by id: how many rows there are now.

    It stops at `limit` rows, at the end (no stream is live), at a stream that is hungry, or at a fault.
    """
    pages.hungry = -1
    with cython.nogil:
        return merge(pages, plan, out, counts, n, limit)
