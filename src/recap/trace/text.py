"""Traces as text: what ftrace's `trace` file, `trace-cmd report` and `perf script` print, a line for each event.

The three differ in how a line begins, which one pattern covers; fields follow as `name=value` but for a few
events with a form of their own. Lines that are no event's are skipped, events that are not ours are counted.
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
from recap.trace.gfp import GFP_NAMES, gfp_bits
from recap.trace.table import CAPTURE_STEPS, SCHEMA, TRACEPOINTS, Flow, Lost

LINE = re.compile(
    r"[ \t]*(?P<comm>\S.{0,62}?)(?:-(?P<pid>\d{1,10})|[ \t]+(?:-?\d{1,10}/)?(?P<tid>-?\d{1,10}))[ \t]+"
    r"(?:\([ \d-]{1,12}\)[ \t]+)?(?:\[(?P<cpu>\d{1,5})\]|(?P<bare>\d{1,5})(?=[d.DIX]))[ \t]*"
    r"(?P<context>[A-Za-z.\d]{4,8}[ \t]+)?"
    r"(?P<time>\d{1,10}\.\d{6,9}): (?P<rest>.*)",
    re.ASCII,
)
TIME = re.compile(rb"[ \t\]](\d{1,10}\.\d{6,9}):")  # wherever LINE may find one
ROUNDED = 1 << 12  # nanoseconds by which such a time may be off as a float
NAMED = re.compile(r"[ \t]*(?:[\w-]{1,40}:)?(?P<event>\w{1,64}):[ \t]*(?P<body>.*)")
MARK = re.compile(r"(?:tracing_mark_write:|0x[0-9a-f]+:|\w+:\w+:)?[ \t]*(.*)")
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
GUESSED_LINES = 200  # in which there must be an event for a text to be a trace
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
        raise ValueError(f"{text!r} is no number")
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
        raise ValueError("no page of a file")
    dev = int(match[1]) << MINOR_BITS | int(match[2])
    return {"flags": dev, "a": number("0x" + match[3]), "pfn": frame(match[4]), "b": int(match[5]) >> PAGE_SHIFT}


def requested(body: str) -> Values:
    """A request goes to a block device, or comes back."""
    match = REQUEST.match(body)
    if match is None:
        raise ValueError("no request to a device")
    dev = int(match[1]) << MINOR_BITS | int(match[2])
    return {"flags": dev, "order": int("W" in match[3]), "a": number(match[4]), "b": int(match[5])}


def isolated(body: str) -> Values:
    """Compaction looks at a range of frames."""
    match = RANGE.search(body)
    if match is None:
        raise ValueError("no range of frames")
    found = dict(FIELD.findall(body))
    begin, end = number(match[1]), number(match[2])
    return {"pfn": begin, "a": end, "flags": number(found["nr_scanned"]), "b": number(found["nr_taken"])}


def captured(body: str) -> Values:
    """A step of page capture."""
    step, _, rest = body.strip().partition(" ")
    found = dict(FIELD.findall(rest))
    if step not in CAPTURE_STEPS:
        raise ValueError(f"{step!r} is no step of page capture")
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
        raise ValueError("it names no page frame")
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

    def blocks(self) -> Iterator[Block]:
        """The blocks, after a look at the times in them."""
        start = before = 0
        while start < len(self.data):
            stop = end_of_block(self.data, start)
            times = TIME.findall(self.data[start:stop])
            self.before[start] = before
            earliest = int(min(map(float, times)) * NANOSECONDS) - ROUNDED if times else before
            yield Block(start, stop, earliest)
            forget(self.data, start, stop)
            start, before = stop, nanoseconds(times[-1].decode()) if times else before

    def read(self, block: Block) -> Columns:
        """The rows of a block."""
        self.built, self.time = Builder(), self.before[block.start]
        for number, line in lines_of(self.data[block.start : block.stop]):
            try:
                self.take(line)
            except ValueError as error:
                where = f"line {self.lines_before(block) + number}"
                raise InputError(self.path, where, str(error), "print the trace again") from None
        forget(self.data, block.start, block.stop)
        return self.built.columns()

    def lines_before(self, block: Block) -> int:
        """How many lines end before a block."""
        ends = pairwise(start for start in self.before if start <= block.start)
        return sum(bytes(self.data[start:stop]).count(b"\n") for start, stop in ends)

    def take(self, line: str) -> None:
        """One line."""
        match, named = parts_of(line)
        if match is None or named is None:
            self.take_lost(line)
            return
        self.time = nanoseconds(match["time"])
        pid = int(match["pid"] or match["tid"])
        if match["comm"] != "<...>":
            self.found.comms.setdefault(pid, match["comm"])
        name = named["event"]
        event = Event.TRACE_MARKER if name == "tracing_mark_write" else TRACEPOINTS.get(name)
        if event is None:
            self.found.other[name] = self.found.other.get(name, 0) + 1
            return
        try:
            values = self.mark(named["body"]) if event is Event.TRACE_MARKER else fields(event, named["body"])
            row = {"pid": pid, "context": context_of(match["context"]), **values}
            self.built.add(self.time, event, int(match["cpu"] or match["bare"]), row)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{event.name.lower()} cannot be read: {error}") from None

    def mark(self, body: str) -> Values:
        """A trace marker, whose text is kept."""
        mark = MARK.fullmatch(body)
        self.marks.append(mark[1].strip() if mark else body)
        return {"a": len(self.marks) - 1}

    def take_lost(self, line: str) -> None:
        """A line that says that events were lost before the next one."""
        match = LOST.search(line)
        if match is not None:
            count = int(match["count"]) if match["count"] else None
            self.found.lost.append(Lost(int(match["cpu"]), self.time, count))


def parts_of(line: str) -> tuple[re.Match[str] | None, re.Match[str] | None]:
    """How an event's line begins, and its name with what follows; of other lines one of them is None."""
    match = LINE.fullmatch(line)
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


def text_flow(path: Path) -> Flow:
    """The events of a text, in whichever of the three forms, piece by piece."""
    reader = TextReader(path)
    lines = lines_of(reader.data[: end_of_block(reader.data, 0)])
    if not any(None not in parts_of(line) for _, line in islice(lines, GUESSED_LINES)):
        raise InputError(path, "line 1", "this is no trace that recap knows", NOT_A_TRACE)
    return reader.flow()
