"""The kernel's ring-buffer pages, walked record by record and merged into columns.

A stream is the pages of one CPU, end to end in one bounded buffer, of which more and more is ready to be read. `fill`
merges all streams in time order into columns, until it has filled enough rows, or a stream has no page ready, or one
makes no sense. Nothing outside a stream is ever read, whatever the bytes: each length is checked before it is followed.
"""

from array import array

import cython

COMPILED: bool = bool(cython.compiled)

if not cython.compiled:  # compiled, they are the constants of the header
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
    PID, PFN, ORDER, MIGRATETYPE, FLAGS, A, B, NR_SLOTS = 0, 1, 2, 3, 4, 5, 6, 7

    # How a field is read: a number of so many bytes (8 bytes are two's complement, signed or not) ...
    ABSENT, NUMBER_8, UNSIGNED_4, SIGNED_4, UNSIGNED_2, SIGNED_2, UNSIGNED_1, SIGNED_1 = 0, 1, 2, 3, 4, 5, 6, 7
    # ... whether text such as "WS" has a W, or where in the buffer the field begins and its event ends.
    WRITES, BEGINS, ENDS = 8, 9, 10

    NONE = 0xFFFFFFFF  # no page frame
    LOW32 = 0xFFFFFFFF
    INT_MAX = 0x7FFFFFFF

TWO_32 = 1 << 32
FAULTS = {
    FAULT_HEADER: "the page is cut off inside its header",
    FAULT_COMMIT: "the page says it holds more bytes than a page can",
    FAULT_STAMP: "the time stamp is beyond any clock",
    FAULT_BACKWARDS: "time runs backwards on one CPU",
    FAULT_RECORD: "a record runs past the end of its page",
    FAULT_EVENT: "an event is shorter than its format says",
}
SLOTS = {"pid": PID, "pfn": PFN, "order": ORDER, "migratetype": MIGRATETYPE, "flags": FLAGS, "a": A, "b": B}
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


class Pages:
    """Streams of pages in one buffer, with a cursor on each stream's current event, and a heap of the streams."""

    def __init__(self, data, cpu, start, stop, page_size, commit, payload):
        streams = len(cpu)
        self.data = data
        self.cpu = array("H", cpu)
        self.stop = array("q", stop)
        self.ready = array("q", start)
        self.page_size = array("q", page_size)
        self.commit = commit
        self.payload = payload
        self.page = array("q", map(int.__sub__, start, page_size))
        self.at = array("q", bytes(8 * streams))
        self.end = array("q", bytes(8 * streams))
        self.body = array("q", bytes(8 * streams))
        self.size = array("q", [NO_EVENT]) * streams
        self.time = array("q", [-1]) * streams  # before all others, so that each is brought to its first event
        self.heap = array("q", range(streams))
        self.live = streams
        self.hungry = -1
        self.fault = 0
        self.fault_at = 0

    def feed(self, stream, ready):
        """Say up to where a stream's pages can be read."""
        self.ready[stream] = ready


class Plan:
    """For every event id its row, or -1; for every row the event, its least length, and one field for each slot."""

    def __init__(self, row, event, need, offset, width, how):
        self.row = row
        self.event = event
        self.need = need
        self.offset = offset
        self.width = width
        self.how = how


class Columns:
    """Writable views of the table's columns."""

    def __init__(self, time, event, cpu, pid, pfn, order, migratetype, flags, a, b):
        self.time = time
        self.event = event
        self.cpu = cpu
        self.pid = pid
        self.pfn = pfn
        self.order = order
        self.migratetype = migratetype
        self.flags = flags
        self.a = a
        self.b = b


if not cython.compiled:  # compiled, they are in the header, where one load does it

    def u16(pages, at):
        return int.from_bytes(pages.data[at : at + 2], "little")

    def u32(pages, at):
        return int.from_bytes(pages.data[at : at + 4], "little")


def fail(pages, fault, at):
    pages.fault = fault
    pages.fault_at = at
    return BAD


def turn_page(pages, stream):
    """Step to the stream's next page."""
    page = pages.page[stream] + pages.page_size[stream]
    room = pages.stop[stream] - page
    if room <= 0:
        return END
    if room > pages.page_size[stream]:
        room = pages.page_size[stream]
    if page + room > pages.ready[stream]:
        return WAIT
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


def absolute(stamp, time):
    """The full time behind an absolute stamp: the first such that is not earlier than `time`."""
    high = time >> STAMP_WIDTH
    if (high << STAMP_WIDTH) + stamp < time:
        high += 1
    return (high << STAMP_WIDTH) + stamp


def advance(pages, stream):
    """Move the stream's cursor to its next event, over page ends, padding and time records."""
    pages.size[stream] = NO_EVENT
    at = pages.at[stream]
    end = pages.end[stream]
    time = pages.time[stream]
    while True:
        while at >= end:
            pages.at[stream] = at
            turned = turn_page(pages, stream)
            if turned != MORE:
                return turned
            at = pages.at[stream]
            end = pages.end[stream]
            time = pages.time[stream]
        if end - at < 4:
            return fail(pages, FAULT_RECORD, at)
        word = u32(pages, at)
        kind = word & 31
        delta = word >> 5
        if 0 < kind < PADDING:
            body = at + 4
            size = kind * 4
            after = body + size
        elif kind == PADDING and delta == 0:
            at = end
            continue
        else:
            if end - at < 8:
                return fail(pages, FAULT_RECORD, at)
            word = u32(pages, at + 4)
            if kind >= TIME_EXTEND:
                stamp = (word << 27) + delta
                time = absolute(stamp, time) if kind == TIME_STAMP else time + stamp
                if time >> TIME_WIDTH:
                    return fail(pages, FAULT_STAMP, at)
                pages.time[stream] = time
                at += 8
                continue
            if word < 4:
                return fail(pages, FAULT_RECORD, at)
            body = at + 8
            size = word - 4
            after = body + (size + 3) // 4 * 4
        if after > end:
            return fail(pages, FAULT_RECORD, at)
        # A discarded event whose delta was 0 is given 1, to tell it from the padding that ends a page.
        if kind != PADDING or delta != 1:
            time += delta
            if time >> TIME_WIDTH:
                return fail(pages, FAULT_STAMP, at)
        pages.time[stream] = time
        at = after
        if kind != PADDING:
            if size < 2:
                return fail(pages, FAULT_EVENT, body)
            pages.at[stream] = at
            pages.body[stream] = body
            pages.size[stream] = size
            return MORE


def number(pages, at, how):
    """A little-endian number."""
    if how == NUMBER_8:
        value = u32(pages, at + 4)
        value -= (value >> 31) * TWO_32
        return value * TWO_32 + u32(pages, at)
    if how == UNSIGNED_4:
        return u32(pages, at)
    if how == SIGNED_4:
        value = u32(pages, at)
        return value - (value >> 31) * TWO_32
    if how == UNSIGNED_2:
        return u16(pages, at)
    if how == SIGNED_2:
        value = u16(pages, at)
        return value - (value >> 15 << 16)
    value = pages.data[at]
    return value if how == UNSIGNED_1 else value - (value >> 7 << 8)


def writes(pages, at, width):
    """Whether a request's flag text has a W."""
    for i in range(width):
        if pages.data[at + i] == 0:
            return 0
        if pages.data[at + i] == 87:
            return 1
    return 0


def fetch(pages, plan, stream, k):
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


def within(value, least, most, otherwise):
    """The value, if its column can hold it."""
    return value if least <= value <= most else otherwise


def store(pages, plan, out, stream, row, n):
    """Write the stream's current event as row `n` of the table; what it does not say is 0, or 'none'."""
    k = row * NR_SLOTS
    out.time[n] = pages.time[stream]
    out.event[n] = plan.event[row]
    out.cpu[n] = pages.cpu[stream]
    out.pid[n] = within(fetch(pages, plan, stream, k + PID), -INT_MAX, INT_MAX, -1) if plan.how[k + PID] else 0
    out.pfn[n] = within(fetch(pages, plan, stream, k + PFN), 0, NONE, NONE) if plan.how[k + PFN] else NONE
    out.order[n] = within(fetch(pages, plan, stream, k + ORDER), 0, 255, 255) if plan.how[k + ORDER] else 0
    out.migratetype[n] = (
        within(fetch(pages, plan, stream, k + MIGRATETYPE), 0, 127, -1) if plan.how[k + MIGRATETYPE] else -1
    )
    out.flags[n] = fetch(pages, plan, stream, k + FLAGS) & LOW32 if plan.how[k + FLAGS] else 0
    out.a[n] = fetch(pages, plan, stream, k + A) if plan.how[k + A] else 0
    out.b[n] = fetch(pages, plan, stream, k + B) if plan.how[k + B] else 0


def before(pages, x, y):
    """Whether stream x's event precedes stream y's: earlier, or as early on a lower CPU."""
    if pages.time[x] != pages.time[y]:
        return pages.time[x] < pages.time[y]
    return x < y


def sift(pages, hole):
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


def merge(pages, plan, out, counts, n, limit):
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


def fill(pages, plan, out, counts, n, limit):
    """Merge events into the columns from row `n` on, counting them all by id: the number of rows there are now.

    It stops at `limit` rows, at the end (no stream is live), at a stream that is hungry, or at a fault.
    """
    pages.hungry = -1
    with cython.nogil:
        return merge(pages, plan, out, counts, n, limit)
