"""Traces as text: what ftrace's `trace` file, `trace-cmd report` and `perf script` print, a line for each event.

The three differ in how a line begins, which one pattern covers; fields follow as `name=value` but for a few
events with a form of their own. Lines that are no event's are skipped, events that are not ours are counted.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from recap.errors import InputError
from recap.trace.builder import Builder
from recap.trace.gfp import GFP_NAMES, gfp_bits
from recap.trace.table import NO_PFN, SCHEMA, TRACEPOINTS, Event, Events, Lost

LINE = re.compile(
    r"[ \t]*(?P<comm>\S.{0,62}?)(?:-(?P<pid>\d{1,10})|[ \t]+(?:-?\d{1,10}/)?(?P<tid>-?\d{1,10}))[ \t]+"
    r"(?:\([ \d-]{1,12}\)[ \t]+)?(?:\[(?P<cpu>\d{1,5})\]|(?P<bare>\d{1,5})(?=[d.DIX]))[ \t]*"
    r"(?P<context>[A-Za-z.\d]{4,8}[ \t]+)?"
    r"(?P<seconds>\d{1,10})\.(?P<fraction>\d{6,9}): (?P<rest>.*)"
)
NAMED = re.compile(r"[ \t]*(?:[\w-]{1,40}:)?(?P<event>\w{1,64}):[ \t]*(?P<body>.*)")
MARK = re.compile(r"(?:tracing_mark_write:|0x[0-9a-f]+:|\w+:\w+:)?[ \t]*(.*)")
FIELD = re.compile(r"\b(\w{1,40})=[ ]?([^\s,]{1,400})")
LOST = re.compile(r"CPU:[ ]?(?P<cpu>\d{1,5}) \[(?:LOST )?(?:(?P<count>\d{1,18}) )?EVENTS(?: DROPPED)?\]")
CACHED = re.compile(r"dev (\d{1,4}):(\d{1,7}) ino ([0-9a-f]{1,16}) .*?pfn=(\w{1,18}) ofs=(\d{1,20})")
REQUEST = re.compile(r"(\d{1,4}),(\d{1,7}) (\w{0,10}) (?:\d{1,10} )?\(.{0,80}?\) (\d{1,20}) \+ (\d{1,10})")
SWITCH = re.compile(r".{0,63}?:(\d{1,10}) \[\d{1,4}\] (\S{1,6}) ==> .{0,63}?:(\d{1,10}) \[\d{1,4}\]")
RANGE = re.compile(r"range=\((\w{1,18}) ~ (\w{1,18})\)")
NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,20})")
NANO_DIGITS = 9
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


OWN_FORM: dict[Event, Callable[[str], Values]] = {
    Event.SCHED_SWITCH: switched,
    Event.MM_FILEMAP_ADD_TO_PAGE_CACHE: cached,
    Event.MM_FILEMAP_DELETE_FROM_PAGE_CACHE: cached,
    Event.BLOCK_RQ_ISSUE: requested,
    Event.BLOCK_RQ_COMPLETE: requested,
    Event.MM_COMPACTION_ISOLATE_FREEPAGES: isolated,
    Event.MM_COMPACTION_ISOLATE_MIGRATEPAGES: isolated,
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


class TextReader:
    """Lines on their way to the table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.built = Builder(path)
        self.line_number = 0
        self.time = 0

    def take(self, line: str) -> bool:
        """One line; whether it is an event's."""
        self.line_number += 1
        match = LINE.fullmatch(line)
        named = NAMED.fullmatch(match["rest"]) if match is not None else None
        if match is None or named is None:
            self.take_lost(line)
            return False
        self.time = int(match["seconds"]) * 10**NANO_DIGITS + int(match["fraction"].ljust(NANO_DIGITS, "0"))
        pid = int(match["pid"] or match["tid"])
        if match["comm"] != "<...>":
            self.built.comms.setdefault(pid, match["comm"])
        event = self.event_of(named["event"])
        if event is None:
            self.built.count_other(named["event"])
            return True
        context = context_of(match["context"])
        try:
            self.add(event, named["body"], int(match["cpu"] or match["bare"]), {"pid": pid, "context": context})
        except (ValueError, KeyError, IndexError) as error:
            problem = f"{event.name.lower()} cannot be read: {error}"
            raise InputError(self.path, f"line {self.line_number}", problem, "print the trace again") from None
        return True

    def event_of(self, name: str) -> Event | None:
        """The event of ours of that name."""
        return Event.TRACE_MARKER if name == "tracing_mark_write" else TRACEPOINTS.get(name)

    def add(self, event: Event, body: str, cpu: int, values: Values) -> None:
        """A row."""
        if event is Event.TRACE_MARKER:
            mark = MARK.fullmatch(body)
            values["a"] = len(self.built.marks)
            self.built.marks.append(mark[1].strip() if mark else body)
        else:
            values.update(fields(event, body))
        self.built.add(self.time, event, cpu, values)

    def take_lost(self, line: str) -> None:
        """A line that says that events were lost before the next one."""
        match = LOST.search(line)
        if match is not None:
            count = int(match["count"]) if match["count"] else None
            self.built.lost.append(Lost(int(match["cpu"]), self.time, count))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text, none absurdly long."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            while line := file.readline(LONGEST_LINE):
                yield line.rstrip("\r\n")
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", "check its permissions") from None


def read_text(path: Path) -> Events:
    """The events of a text, in whichever of the three forms."""
    reader = TextReader(path)
    found = 0
    for line in lines_of(path):
        found += reader.take(line)
        if not found and reader.line_number > GUESSED_LINES:
            break
    if not found:
        raise InputError(path, "line 1", "this is no trace that recap knows", NOT_A_TRACE)
    return reader.built.events({"gfp_flags": GFP_NAMES, "status": dict(enumerate(STATUS))})
