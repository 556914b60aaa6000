"""trace.dat, the container of `trace-cmd record`: event formats, process names, options, where the pages are.

Version 6 puts everything in a fixed order, uncompressed. Version 7 has sections, found through options, that
may be compressed, and cuts each CPU's pages into chunks compressed one by one. Both come out as a `TraceDat`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recap.errors import InputError
from recap.trace.codec import CODECS, unpack_exactly
from recap.trace.cursor import Cursor, map_file
from recap.trace.formats import EventFormat, Field, parse_fields, parse_format

MAGIC = b"\x17\x08\x44tracing"
NOT_OURS = "give a trace.dat written by trace-cmd or recap"
UNCOMPRESSED = "none"

# Option ids; those not listed say nothing recap asks for.
DONE, BUFFER, TRACECLOCK, CPUCOUNT, TSC2NSEC = 0, 3, 4, 8, 14
HEADER_INFO, FTRACE_EVENTS, EVENT_FORMATS, KALLSYMS, CMDLINES = 16, 17, 18, 19, 21
NAMED = re.compile(r"^([0-9a-f]{16}) \w (vmstat_update)$", re.MULTILINE)
SECTION_PACKED = 1

LONGEST_PID = 10  # digits
MAX_CPUS = 1 << 16
MAX_PAGE = 1 << 26
LARGEST_SHIFT = 32
MAX_EVENT_ID = 1 << 16


@dataclass(frozen=True, slots=True)
class PageHeader:
    """Where a page keeps its commit word and its records, and the kernel's word size; time comes first."""

    commit: int = 8
    payload: int = 16
    word: int = 8


def page_header(described: dict[str, Field]) -> PageHeader:
    """The header that a `header_page` describes; ValueError where no kernel has such a one."""
    if not {"timestamp", "commit", "data"} <= described.keys():
        raise ValueError("the page header lacks timestamp, commit or data")
    stamp, commit, data = described["timestamp"], described["commit"], described["data"]
    if (stamp.offset, stamp.size) != (0, 8) or not 8 <= commit.offset <= data.offset - 4 <= 60:
        raise ValueError("the page header has an unknown layout")
    return PageHeader(commit.offset, data.offset, commit.size)


@dataclass(frozen=True, slots=True)
class Stream:
    """One CPU's pages: a range of a file's bytes."""

    cpu: int
    data: memoryview
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """One trace instance: the top one has no name."""

    name: str
    clock: str
    page_size: int
    packed: bool
    streams: tuple[Stream, ...]


@dataclass
class TraceDat:
    """What a trace.dat holds, all but the pages themselves read."""

    path: Path
    data: memoryview
    version: int
    page_size: int
    codec: str = UNCOMPRESSED
    header: PageHeader = field(default_factory=PageHeader)
    formats: dict[int, EventFormat] = field(default_factory=dict)
    comms: dict[int, str] = field(default_factory=dict)
    functions: dict[int, str] = field(default_factory=dict)  # by address: those of NAMED
    clock: str = "local"
    cpus: int = 0
    rate: tuple[int, int] | None = None  # of the tick clock: times, shift
    buffers: list[Buffer] = field(default_factory=list)

    def header_info(self, cursor: Cursor) -> None:
        """How a page begins, and (never changed since 2009, so skipped) how a record does."""
        cursor.expect(b"header_page\0", "the page header's description")
        described = parse_fields(cursor.text(8, "the page header's description"))
        cursor.expect(b"header_event\0", "the record header's description")
        cursor.text(8, "the record header's description")
        try:
            self.header = page_header(described)
        except ValueError as error:
            raise cursor.error(str(error)) from None

    def add_format(self, cursor: Cursor, system: str) -> None:
        """The next event format file."""
        event = parse_format(system, cursor.text(8, "an event format"))
        if event is not None and event.id < MAX_EVENT_ID:
            self.formats[event.id] = event

    def ftrace_events(self, cursor: Cursor) -> None:
        """The formats of ftrace's own events, the trace marker's among them."""
        for _ in range(cursor.number(4, "the count of ftrace events")):
            self.add_format(cursor, "ftrace")

    def event_formats(self, cursor: Cursor) -> None:
        """The formats of the tracepoints, system by system."""
        for _ in range(cursor.number(4, "the count of event systems")):
            system = cursor.string("an event system's name")
            for _ in range(cursor.number(4, "the count of events")):
                self.add_format(cursor, system)

    def cmdlines(self, cursor: Cursor) -> None:
        """The names of processes."""
        self.add_comms(cursor.text(8, "the process names"))

    def add_comms(self, text: str) -> None:
        """The names of processes, a line for each: its id and its name."""
        for line in text.splitlines():
            pid, _, comm = line.strip().partition(" ")
            if pid.isdecimal() and pid.isascii() and len(pid) <= LONGEST_PID:
                self.comms[int(pid)] = comm

    def kallsyms(self, cursor: Cursor) -> None:
        """The kernel's symbols."""
        self.add_functions(cursor.text(4, "the kernel's symbols"))

    def add_functions(self, text: str) -> None:
        """The addresses that events name, as the signed numbers the table holds: lines of address, kind and name."""
        for address, name in NAMED.findall(text):
            self.functions[int(address, 16) - (int(address, 16) >> 63 << 64)] = name

    def simple_option(self, option: int, cursor: Cursor) -> None:
        """An option that is the same in both versions."""
        if option == TRACECLOCK:
            chosen = re.search(rb"\[([\w-]+)\]", cursor.data[cursor.at :])
            if chosen is not None:
                self.clock = chosen[1].decode()
        elif option == CPUCOUNT:
            self.cpus = cursor.number(4, "the count of CPUs")
        elif option == TSC2NSEC:
            mult, shift = cursor.number(4, "the clock's rate"), cursor.number(4, "the clock's rate")
            if shift > LARGEST_SHIFT:
                raise cursor.error(f"a clock shift of {shift} is out of range")
            self.rate = mult, shift


def read_tracedat(path: Path) -> TraceDat:
    """Open a trace.dat of either version."""
    data = map_file(path)
    cursor = Cursor(path, data)
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise cursor.error("this is not a trace.dat", NOT_OURS)
    cursor.seek(len(MAGIC))
    version = cursor.string("the version", longest=16)
    if version not in ("6", "7"):
        raise cursor.error(f"version {version!r} is not known (6 and 7 are)", "convert it with `trace-cmd convert`")
    if cursor.number(1, "the byte order"):
        raise cursor.error("the recording is big-endian", "recap models little-endian machines only")
    cursor.number(1, "the size of a long")
    trace = TraceDat(path, data, int(version), cursor.number(4, "the page size"))
    if version == "6":
        read_v6(trace, cursor)
    else:
        read_v7(trace, cursor)
    check_streams(trace, cursor)
    if sum(stream.size for buffer in trace.buffers for stream in buffer.streams) > len(data):
        raise cursor.error("the CPUs' pages overlap")
    return trace


def check_streams(trace: TraceDat, cursor: Cursor) -> None:
    """Hold what the file says of its pages against the file."""
    if not trace.buffers:
        raise cursor.error("there is no trace data", "record again, and let trace-cmd finish")
    for buffer in trace.buffers:
        if not trace.header.payload < buffer.page_size <= MAX_PAGE:
            raise cursor.error(f"a page size of {buffer.page_size} is out of range")
        for stream in buffer.streams:
            pages = Cursor(cursor.path, stream.data)
            pages.seek(stream.offset)
            pages.block(stream.size, f"the pages of CPU {stream.cpu}")
            if stream.cpu >= MAX_CPUS:
                raise cursor.error(f"there is no CPU {stream.cpu}")
            trace.cpus = max(trace.cpus, stream.cpu + 1)
    if trace.cpus > MAX_CPUS:
        raise cursor.error(f"claims {trace.cpus} CPUs")


# Version 6: one thing after the other.


def read_v6(trace: TraceDat, cursor: Cursor) -> None:
    """Everything behind the initial bytes of a version 6 file."""
    trace.header_info(cursor)
    trace.ftrace_events(cursor)
    trace.event_formats(cursor)
    trace.kallsyms(cursor)
    cursor.text(4, "the printk formats")
    trace.cmdlines(cursor)
    trace.cpus = cursor.number(4, "the count of CPUs")
    instances = list(read_pages_v6(trace, cursor, ""))
    for offset, name in instances:
        cursor.seek(offset)
        for _ in read_pages_v6(trace, cursor, name):
            raise cursor.error("an instance holds instances")


def read_pages_v6(trace: TraceDat, cursor: Cursor, name: str) -> Iterator[tuple[int, str]]:
    """One instance's options, then where its pages are; yields the instances the options name."""
    tag = bytes(cursor.block(10, "the kind of trace"))
    if tag == b"options  \0":
        while (option := cursor.number(2, "the options")) != DONE:
            body = cursor.part(cursor.number(4, "an option"), "an option")
            if option == BUFFER:
                yield body.number(8, "an instance's place"), body.string("an instance's name")
            else:
                trace.simple_option(option, body)
        tag = bytes(cursor.block(10, "the kind of trace"))
    if tag != b"flyrecord\0":
        raise cursor.error("there are no ring-buffer pages in it", "record without a latency tracer")
    streams = tuple(
        Stream(cpu, trace.data, cursor.number(8, "the CPUs' pages"), cursor.number(8, "the CPUs' pages"))
        for cpu in range(trace.cpus)
    )
    trace.buffers.append(Buffer(name, trace.clock, trace.page_size, packed=False, streams=streams))


# Version 7: sections, found through options.


def read_v7(trace: TraceDat, cursor: Cursor) -> None:
    """Everything behind the initial bytes of a version 7 file."""
    trace.codec = cursor.string("the compression's name", longest=64)
    cursor.string("the compression's version", longest=64)
    if trace.codec not in CODECS:
        raise cursor.error(
            f"compression {trace.codec!r} is not known",
            "convert it with `trace-cmd convert --compression zstd`",
        )
    seen = set()
    offset = cursor.number(8, "the place of the options")
    while offset:
        if offset in seen:
            raise cursor.error("the options refer to each other in a circle")
        seen.add(offset)
        offset = read_options_v7(trace, section(trace, offset, DONE, "the options"))


def section(trace: TraceDat, offset: int, wanted: int, what: str) -> Cursor:
    """A cursor over the content of a section."""
    cursor = Cursor(trace.path, trace.data)
    cursor.seek(offset)
    packed, size = section_header(cursor, wanted, what)
    if not packed:
        return Cursor(trace.path, trace.data[: cursor.at + size], cursor.at)
    width, unpacked = cursor.number(4, what), cursor.number(4, what)
    block = cursor.block(width, what)
    try:
        content = unpack_exactly(CODECS[trace.codec](), block, unpacked)
    except ValueError as error:
        raise InputError(
            trace.path, f"offset {offset:#x}", f"{what} cannot be unpacked: {error}", "copy it again"
        ) from None
    return Cursor(trace.path, memoryview(content), inside=f"section at {offset:#x}, ")


def section_header(cursor: Cursor, wanted: int, what: str) -> tuple[bool, int]:
    """Whether the section is compressed, and its size in the file."""
    found = cursor.number(2, what)
    if found != wanted:
        raise cursor.error(f"section {wanted} should be here, not {found}")
    flags = cursor.number(2, what)
    cursor.number(4, what)
    return bool(flags & SECTION_PACKED), cursor.number(8, what)


def read_options_v7(trace: TraceDat, cursor: Cursor) -> int:
    """One section of options; the offset of the next, or 0."""
    while True:
        option, size = cursor.number(2, "the options"), cursor.number(4, "the options")
        body = cursor.part(size, "an option")
        if option == DONE:
            return body.number(8, "the place of more options")
        if option == HEADER_INFO:
            trace.header_info(section(trace, body.number(8, "a place"), option, "the headers"))
        elif option == FTRACE_EVENTS:
            trace.ftrace_events(section(trace, body.number(8, "a place"), option, "the ftrace events"))
        elif option == EVENT_FORMATS:
            trace.event_formats(section(trace, body.number(8, "a place"), option, "the event formats"))
        elif option == KALLSYMS:
            trace.kallsyms(section(trace, body.number(8, "a place"), option, "the kernel's symbols"))
        elif option == CMDLINES:
            trace.cmdlines(section(trace, body.number(8, "a place"), option, "the process names"))
        elif option == BUFFER:
            trace.buffers.append(read_buffer_v7(trace, body))
        else:
            trace.simple_option(option, body)


def read_buffer_v7(trace: TraceDat, body: Cursor) -> Buffer:
    """One instance, and whether its pages are compressed."""
    cursor = Cursor(trace.path, trace.data)
    cursor.seek(body.number(8, "an instance's place"))
    packed, _ = section_header(cursor, BUFFER, "an instance")
    name, clock = body.string("an instance's name"), body.string("an instance's clock")
    page_size = body.number(4, "an instance's page size")
    streams = tuple(
        Stream(
            body.number(4, "an instance's CPUs"),
            trace.data,
            body.number(8, "an instance's pages"),
            body.number(8, "an instance's pages"),
        )
        for _ in range(body.number(4, "an instance's CPUs"))
    )
    return Buffer(name, clock or trace.clock, page_size, packed, streams)
