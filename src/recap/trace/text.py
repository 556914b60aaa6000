"""Traces as text: what ftrace's `trace` file, `trace-cmd report` and `perf script` print, a line for each event.

The three differ in how a line begins, which one pattern covers; fields follow as `name=value` but for a few
events with a form of their own. The function graph tracer prints events as comments among its functions. Lines that are
no event's are skipped, events that are not ours are counted, and so are lines that are cut or damaged.
A text is read block by block, after a first look at its times only.
"""

import mmap
import re
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

from recap.errors import InputError
from recap.trace.blocks import BLOCK, Block, BlockReader, Columns
from recap.trace.builder import Builder
from recap.trace.cursor import forget
from recap.trace.event import NO_PFN, Event
from recap.trace.gfp import GFP_NAMES, gfp_bits, unknown_names
from recap.trace.table import CAPTURE_STEPS, SCHEMA, TRACEPOINTS, Events, Flow, Lost

LINE = re.compile(
    r"[ \t]*(?P<comm>\S.{0,62}?)(?:-(?P<pid>\d{1,10})|[ \t]+(?:-?\d{1,10}/)?(?P<tid>-?\d{1,10}))[ \t]+"
    r"(?:\([ \d-]{1,12}\)[ \t]+)?(?:\[(?P<cpu>\d{1,5})\]|(?P<bare>\d{1,5})(?=[d.DIX]))[ \t]*"
    r"(?P<context>[A-Za-z.\d]{4,8}[ \t]+)?"
    r"(?P<time>\d{1,10}\.\d{6,9}): (?P<rest>.*)",
    re.ASCII,
)
TIME = re.compile(
    rb"(?:^|[ \t\]])(\d{1,10}\.\d{6,9})(?::|[ \t]+\|)", re.MULTILINE
)  # wherever LINE or GRAPH may find one
ROUNDED = 1 << 12  # nanoseconds by which such a time may be off as a float
GRAPH = re.compile(  # `[time |] cpu) [comm-pid |] [flags |] duration | /* event: fields */`
    r"[ \t]*(?:(?P<time>\d{1,10}\.\d{6,9})[ \t]+\|[ \t]+)?(?P<cpu>\d{1,5})\)[ \t]+"
    r"(?:(?P<comm>\S.{0,30}?)-(?P<pid>\d{1,10})[ \t]+\|[ \t]+)?(?:(?P<context>[A-Za-z.\d]{4,8})[ \t]+\|[ \t]+)?"
    r"[^|]{0,40}\|[ \t]+/\*[ \t]*(?P<rest>\w.*?)[ \t]*(?:\*/)?[ \t]*(?P<tid>(?!))?(?P<bare>(?!))?",
    re.ASCII,
)
GRAPH_SWITCH = re.compile(r"[ \t]*(\d{1,5})\)[ \t]+\S.{0,30}?-\d{1,10}[ \t]+=>[ \t]+(\S.{0,30}?)-(\d{1,10})[ \t]*")
LIKELY = re.compile(rb"[ \t\]]\d{1,10}\.\d{6,9}:|\|[ \t]+/\*")  # in a line that may be an event's
NAMED = re.compile(r"[ \t]*(?:[\w-]{1,40}:)?(?P<event>\w{1,64}):[ \t]*(?P<body>.*)")
MARK = re.compile(r"(?:tracing_mark_write:|0x[0-9a-f]+:|\w+:\w+:)?[ \t]*(.*)")
GFP_FLAGS = re.compile(r"\bgfp_flags=(\S+)")
MOST_NAMES = 100  # of unknown flags
FIELD = re.compile(r"\b(\w{1,40})=[ ]?([^\s,]{1,400})")
LOST = re.compile(r"CPU:[ ]?(?P<cpu>\d{1,5}) \[(?:LOST )?(?:(?P<count>\d{1,18}) )?EVENTS(?: DROPPED)?\]")
CACHED = re.compile(r"dev (\d{1,4}):(\d{1,7}) ino ([0-9a-f]{1,16}) .*?pfn=(\w{1,18}) ofs=(\d{1,20})")
REQUEST = re.compile(r"(\d{1,4}),(\d{1,7}) (\w{0,10}) (?:\d{1,10} )?\(.{0,80}?\) (\d{1,20}) \+ (\d{1,10})")
SWITCH = re.compile(r".{0,63}?:(\d{1,10}) \[\d{1,4}\] (\S{1,6}) ==> .{0,63}?:(\d{1,10}) \[\d{1,4}\]")
RANGE = re.compile(r"range=\((\w{1,18}) ~ (\w{1,18})\)")
NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,20})")
NANO_DIGITS, NANOSECONDS = 9, 10**9
MINOR_BITS = 20  # of a kernel's dev_t
PAGE_SHIFT = 12
LONGEST_LINE = 4096
LOOKED_AT = 64 << 20  # bytes in which there must be an event for a text to be a trace,
CANDIDATES = 1000  # at one of the first places that look like one
# Of 2.6.31 to 3.2 (b413d48aa706). From 2.6.34 on a batched page's mm_pagevec_free is followed by its own free.
OLD_FREES = {"mm_page_free_direct": Event.MM_PAGE_FREE, "mm_pagevec_free": Event.MM_PAGE_FREE}
CUT = "the text ends in the middle of it"
NOT_A_TRACE = "give the output of `trace-cmd report`, `perf script`, or ftrace's trace file"

# What a field is called in print, where that is not its name in the format.
PRINTED = {"succeeded": "nr_succeeded", "failed": "nr_failed", "sync": "mode"}
STATUS = (
    *("not_suitable_zone", "skipped", "deferred", "no_suitable_page", "continue"),
    *("complete", "partial_skipped", "contended", "success"),
)
STATES = {"R": 0, "S": 1, "D": 2, "T": 4, "t": 8, "X": 16, "Z": 32, "P": 64, "I": 128}
IRQS_OFF, HARD_IRQ, SOFT_IRQ = 1, 8, 16
CONTEXT = {"h": HARD_IRQ, "s": SOFT_IRQ, "H": HARD_IRQ | SOFT_IRQ}
MOST = (1 << 63) - 1

Values = dict[str, int]


def number(text: str) -> int:
    """A number as printed, decimal or hexadecimal."""
    if NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number")
    value = int(text, 16) if "x" in text.lower() else int(text)
    return value if value <= MOST else value - (1 << 64)


def switched(body: str) -> Values:
    """sched_switch, in the kernel's own form or trace-cmd's."""
    match = SWITCH.match(body)
    if match is not None:
        return {"pid": int(match[1]), "a": STATES.get(match[2][0], 0), "b": int(match[3])}
    found = dict(FIELD.findall(body))
    return {
        "pid": number(found["prev_pid"]),
        "a": STATES.get(found["prev_state"][0], 0),
        "b": number(found["next_pid"]),
    }


def cached(body: str) -> Values:
    """A page comes into the page cache, or leaves it."""
    match = CACHED.match(body)
    if match is None:
        raise ValueError("not a page of a file")
    dev = int(match[1]) << MINOR_BITS | int(match[2])
    return {"flags": dev, "a": number("0x" + match[3]), "pfn": frame(match[4]), "b": int(match[5]) >> PAGE_SHIFT}


def requested(body: str) -> Values:
    """A request goes to a block device, or comes back."""
    match = REQUEST.match(body)
    if match is None:
        raise ValueError("not a request to a device")
    dev = int(match[1]) << MINOR_BITS | int(match[2])
    return {"flags": dev, "order": int("W" in match[3]), "a": number(match[4]), "b": int(match[5])}


def isolated(body: str) -> Values:
    """Compaction looks at a range of frames."""
    match = RANGE.search(body)
    if match is None:
        raise ValueError("not a range of frames")
    found = dict(FIELD.findall(body))
    begin, end = number(match[1]), number(match[2])
    return {"pfn": begin, "a": end, "flags": number(found["nr_scanned"]), "b": number(found["nr_taken"])}


def captured(body: str) -> Values:
    """A step of page capture."""
    step, _, rest = body.strip().partition(" ")
    found = dict(FIELD.findall(rest))
    if step not in CAPTURE_STEPS:
        raise ValueError(f"{step!r} is not a step of page capture")
    numbers = {"order": number(found["order"]), "flags": number(found["wanted"])}
    return {"a": CAPTURE_STEPS.index(step), "pfn": frame(found["pfn"]), **numbers}


OWN_FORM: dict[Event, Callable[[str], Values]] = {
    Event.SCHED_SWITCH: switched,
    Event.MM_FILEMAP_ADD_TO_PAGE_CACHE: cached,
    Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE: cached,
    Event.BLOCK_RQ_ISSUE: requested,
    Event.BLOCK_RQ_COMPLETE: requested,
    Event.MM_COMPACTION_ISOLATE_FREEPAGES: isolated,
    Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES: isolated,
    Event.PAGE_CAPTURE: captured,
}


def frame(text: str) -> int:
    """A page frame as printed."""
    value = number(text)
    return value if 0 <= value < NO_PFN else NO_PFN


def field_value(name: str, text: str) -> int:
    """A printed field as the number it was."""
    if name == "gfp_flags":
        return gfp_bits(text)
    if name == "mode":
        return int(text == "sync")
    if name == "status":
        return STATUS.index(text) if text in STATUS else -1
    return frame(text) if name == "pfn" else number(text)


def fields(event: Event, body: str) -> Values:
    """The columns of an event from what follows its name; what is not printed stays empty."""
    if event in OWN_FORM:
        return OWN_FORM[event](body)
    found = dict(FIELD.findall(body))
    values = {}
    for column, name in SCHEMA[event].items():
        printed = PRINTED.get(name, name)
        if printed in found:
            values[column] = field_value(printed, found[printed])
    if "pfn" in SCHEMA[event].values() and "pfn" not in values:
        raise ValueError("it has no page frame")
    if event is Event.MM_PAGE_ALLOC and values["pfn"] == 0:  # how the kernel prints that there is none
        values["pfn"] = NO_PFN
    return values


def context_of(flags: str | None) -> int:
    """The context bits behind flags such as `d.h2.`."""
    if not flags or len(flags) < 3:
        return 0
    return (IRQS_OFF if flags[0] in "dD" else 0) | CONTEXT.get(flags[2], 0)


def nanoseconds(time: str) -> int:
    """A printed time."""
    seconds, _, fraction = time.partition(".")
    return int(seconds) * NANOSECONDS + int(fraction.ljust(NANO_DIGITS, "0"))


class TextReader(BlockReader):
    """A text on its way to the table."""

    def __init__(self, path: Path) -> None:
        symbols = {"gfp_flags": GFP_NAMES, "status": dict(enumerate(STATUS))}
        super().__init__(path, Flow(comms={}, clock="unknown", cpus=1, buffers=("",), symbols=symbols))
        self.built = Builder()
        self.time = 0
        self.before: dict[int, int] = {}  # the last time before each block, by where it starts
        self.batched: dict[int, int] = {}  # by CPU, the page of the last mm_pagevec_free
        self.running: dict[int, int] = {}  # by CPU, the task that the function graph tracer named last
        self.rows = 0
        self.unread_at = (0, 0)  # the block of the first line that could not be read, and which line of it

    def pieces(self) -> Iterator[Events]:
        """The tables; where not one line could be read, the first says why."""
        yield from super().pieces()
        unread, (start, number) = self.found.unread, self.unread_at
        if unread.count:
            unread.line = number + self.lines_before(start)
        if unread.count and not self.rows and not self.found.other:
            raise InputError(self.path, f"line {unread.line}", unread.problem, "print the trace again")

    def blocks(self) -> Iterator[Block]:
        """The blocks, after a look at the times in them."""
        start = before = 0
        while start < len(self.data):
            stop = end_of_block(self.data, start)
            times = TIME.findall(self.data[start:stop])
            self.before[start] = before
            earliest = int(min(map(float, times)) * NANOSECONDS) - ROUNDED if times else before
            if b"/*" in bytes(self.data[start:stop]):  # events of a function graph may have no times of their own
                earliest = min(earliest, before)
            yield Block(start, stop, earliest)
            forget(self.data, start, stop)
            start, before = stop, nanoseconds(times[-1].decode()) if times else before

    def read(self, block: Block) -> Columns:
        """The rows of a block."""
        self.built, self.time = Builder(), self.before[block.start]
        cut = block.stop == len(self.data) and bytes(self.data[-1:]) != b"\n"
        last = bytes(self.data[block.start : block.stop]).count(b"\n") + 1 if cut else 0
        for number, line in lines_of(self.data[block.start : block.stop]):
            try:
                self.take(line, cut=number == last)
            except ValueError as error:
                self.count_unread((block.start, number), str(error))
        self.rows += len(self.built)
        forget(self.data, block.start, block.stop)
        return self.built.columns()

    def count_unread(self, place: tuple[int, int], problem: str) -> None:
        """A line that is damaged; blocks are not read in the order they have in the file."""
        unread = self.found.unread
        unread.count += 1
        if unread.count == 1 or place < self.unread_at:
            unread.problem, self.unread_at = problem, place

    def lines_before(self, block: int) -> int:
        """How many lines end before a block, by where it starts."""
        ends = pairwise(start for start in self.before if start <= block)
        return sum(bytes(self.data[start:stop]).count(b"\n") for start, stop in ends)

    def take(self, line: str, *, cut: bool = False) -> None:
        """One line; the last of a file may be cut."""
        match, named = parts_of(line)
        if match is None or named is None:
            self.take_other(line, cut=cut)
            return
        self.saw(match["time"])
        cpu = int(match["cpu"] or match["bare"] or 0)
        pid = self.task_of(match, cpu)
        name, body = named["event"], named["body"]
        event = Event.TRACE_MARKER if name == "tracing_mark_write" else OLD_FREES.get(name) or TRACEPOINTS.get(name)
        if event is None:
            self.count_other(name)
            return
        try:
            values = self.mark(body) if event is Event.TRACE_MARKER else self.fields(event, body, cut=cut)
            if event is Event.MM_PAGE_FREE and self.is_counted(name, cpu, values["pfn"]):
                self.count_other(name)
                return
            self.built.add(self.time, event, cpu, {"pid": pid, "context": context_of(match["context"]), **values})
        except (ValueError, KeyError, IndexError) as error:
            problem = f"{event.name.lower()} cannot be read: {error}"
            raise ValueError(CUT if cut else problem) from None

    def saw(self, time: str | None) -> None:
        """An event's time, also of one that is not ours; the function graph tracer need not print any."""
        if time is not None:
            self.time = nanoseconds(time)
        first, last = self.found.span or (self.time, self.time)
        self.found.span = min(first, self.time), max(last, self.time)

    def task_of(self, match: re.Match[str], cpu: int) -> int:
        """The task an event is of."""
        number = match["pid"] or match["tid"]
        if number is None:
            return self.running.get(cpu, 0)
        if match["comm"] != "<...>":
            self.found.comms.setdefault(int(number), match["comm"])
        return int(number)

    def count_other(self, name: str) -> None:
        """An event that is not in the table."""
        self.found.other[name] = self.found.other.get(name, 0) + 1

    def fields(self, event: Event, body: str, *, cut: bool) -> Values:
        """The columns of an event; what its flags have that is not known here is counted."""
        values = fields(event, body)
        missing = SCHEMA[event].keys() - values.keys() - {"pid"}
        flags = GFP_FLAGS.search(body)
        unknown = unknown_names(flags[1]) if flags else ()
        if cut and (unknown or (missing and event not in OWN_FORM)):
            raise ValueError(CUT)
        for name in unknown:
            names = self.found.unread.gfp_names
            if name in names or len(names) < MOST_NAMES:
                names[name] = names.get(name, 0) + 1
        return values

    def is_counted(self, name: str, cpu: int, pfn: int) -> bool:
        """Is a free the second event of one page, after mm_pagevec_free?"""
        if name == "mm_pagevec_free":
            self.batched[cpu] = pfn
            return False
        return self.batched.pop(cpu, None) == pfn

    def mark(self, body: str) -> Values:
        """A trace marker, whose text is kept."""
        mark = MARK.fullmatch(body)
        self.marks.append(mark[1].strip() if mark else body)
        return {"a": len(self.marks) - 1}

    def take_other(self, line: str, *, cut: bool) -> None:
        """A line that says that events were lost before the next one, or which task runs, or of another kind."""
        lost, switch = LOST.search(line), GRAPH_SWITCH.fullmatch(line)
        if lost is not None:
            count = int(lost["count"]) if lost["count"] else None
            self.found.lost.append(Lost(int(lost["cpu"]), self.time, count))
        elif switch is not None:
            self.running[int(switch[1])] = int(switch[3])
            self.found.comms.setdefault(int(switch[3]), switch[2])
        elif cut and self.found.span and line.strip() and not line.startswith("#"):
            raise ValueError(CUT)


def parts_of(line: str) -> tuple[re.Match[str] | None, re.Match[str] | None]:
    """How an event's line begins, and its name with what follows; of other lines one of them is None."""
    match = LINE.fullmatch(line) or (GRAPH.fullmatch(line) if "/*" in line else None)
    return match, NAMED.fullmatch(match["rest"]) if match else None


def end_of_block(data: memoryview, start: int) -> int:
    """Where a block of whole lines ends, unless a line is longer than it."""
    stop = min(start + BLOCK, len(data))
    whole = data.obj
    if stop < len(data) and isinstance(whole, mmap.mmap):
        stop = whole.rfind(b"\n", start, stop) + 1 or stop
    return stop


def lines_of(data: memoryview) -> Iterator[tuple[int, str]]:
    """The lines of some bytes, numbered from 1 on; those that are absurdly long are cut."""
    for number, line in enumerate(bytes(data).removesuffix(b"\n").split(b"\n"), 1):
        for at in range(0, len(line) or 1, LONGEST_LINE):
            yield number, line[at : at + LONGEST_LINE].decode(errors="replace").rstrip("\r")


def has_event(data: memoryview) -> bool:
    """Is there an event's line in a text? There may be pages of other things before the first."""
    for likely in islice(LIKELY.finditer(data[:LOOKED_AT]), CANDIDATES):
        before = bytes(data[max(0, likely.start() - LONGEST_LINE) : likely.start()])
        start = likely.start() - len(before) + before.rfind(b"\n") + 1
        line = next(lines_of(data[start : start + LONGEST_LINE]))[1]
        if None not in parts_of(line):
            return True
    return False


def text_flow(path: Path) -> Flow:
    """The events of a text, in whichever of the forms, piece by piece."""
    reader = TextReader(path)
    if not has_event(reader.data):
        raise InputError(path, "line 1", "this is not a trace that recap can read", NOT_A_TRACE)
    return reader.flow()
