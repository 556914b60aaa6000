"""Small trace.dat files, made from scratch: event formats, pages with every kind of record, containers."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import zstandard

COMMON = {"common_type": "H", "common_flags": "B", "common_preempt_count": "B", "common_pid": "i"}
TYPES = {
    "H": ("unsigned short", 2, 0),
    "B": ("unsigned char", 1, 0),
    "h": ("short", 2, 1),
    "b": ("signed char", 1, 1),
    "i": ("int", 4, 1),
    "I": ("unsigned int", 4, 0),
    "q": ("long", 8, 1),
    "Q": ("unsigned long", 8, 0),
}
HEADER_PAGE = (
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
)
HEADER_EVENT = "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n"
MISSED, STORED = 1 << 31, 1 << 30


@dataclass(frozen=True)
class Format:
    """An event and its fields: a type letter of `struct`, `8s` for text, `s` for text up to the end."""

    system: str
    name: str
    id: int
    fields: dict[str, str]

    def layout(self) -> dict[str, tuple[str, int]]:
        """Every field's letter and offset, each on a multiple of its size as C would have it."""
        at, found = 0, {}
        for name, letter in (COMMON | self.fields).items():
            size = struct.calcsize(letter) if letter != "s" else 0
            align = 1 if letter.endswith("s") else size
            at = -(-at // align) * align
            found[name] = letter, at
            at += size
        return found

    def text(self) -> str:
        """The format file."""
        lines = [f"name: {self.name}\nID: {self.id}\nformat:"]
        for name, (letter, at) in self.layout().items():
            if letter.endswith("s"):
                extent = letter[:-1]
                lines.append(f"\tfield:char {name}[{extent}];\toffset:{at};\tsize:{extent or 0};\tsigned:1;")
            else:
                kind, size, signed = TYPES[letter]
                lines.append(f"\tfield:{kind} {name};\toffset:{at};\tsize:{size};\tsigned:{signed};")
        shown = ", ".join(f"REC->{name}" for name in self.fields)
        fmt = " ".join(f"{name}={'%s' if self.fields[name].endswith('s') else '%ld'}" for name in self.fields)
        return "\n".join(lines) + f'\n\nprint fmt: "{fmt}", {shown}\n'

    def pack(self, pid: int, **values: int | str) -> bytes:
        """An event's bytes, in whole words."""
        given = {"common_type": self.id, "common_pid": pid} | values
        out = bytearray()
        for name, (letter, at) in self.layout().items():
            out += bytes(at - len(out))
            value = given.get(name, 0)
            if isinstance(value, str):
                text = value.encode() + b"\0"
                out += text if letter == "s" else struct.pack(letter, text)
            else:
                out += struct.pack("<" + letter, value)
        return bytes(out + bytes(-len(out) % 4))


ALLOC = Format("kmem", "mm_page_alloc", 501, {"pfn": "Q", "order": "I", "gfp_flags": "Q", "migratetype": "i"})
FREE = Format("kmem", "mm_page_free", 502, {"pfn": "Q", "order": "I"})
ISSUE = Format("block", "block_rq_issue", 601, {"dev": "I", "sector": "Q", "nr_sector": "I", "rwbs": "8s"})
SWITCH = Format("sched", "sched_switch", 301, {"prev_pid": "i", "prev_state": "q", "next_pid": "i"})
SHORT = Format("migrate", "mm_migrate_pages", 701, {"succeeded": "h", "failed": "b"})
OTHER = Format("irq", "softirq_raise", 401, {"vec": "I"})
PRINT = Format("ftrace", "print", 5, {"ip": "Q", "buf": "s"})
FORMATS = (PRINT, ALLOC, FREE, ISSUE, SWITCH, SHORT, OTHER)


def head(kind: int, delta: int) -> bytes:
    """A record's first word."""
    return struct.pack("<I", kind | delta << 5)


def data(delta: int, payload: bytes) -> bytes:
    """An event, its length in the first word where it is short enough for that."""
    words = len(payload) // 4
    return head(words, delta) + payload if words <= 28 else long_data(delta, payload)


def long_data(delta: int, payload: bytes) -> bytes:
    """An event with its length in a word of its own."""
    return head(0, delta) + struct.pack("<I", len(payload) + 4) + payload


def discarded(delta: int, size: int) -> bytes:
    """An event that the kernel took back."""
    return head(29, delta) + struct.pack("<I", size + 4) + b"\xee" * size


def extend(delta: int) -> bytes:
    """Time goes on by more than an event can say."""
    return head(30, delta & 0x7FFFFFF) + struct.pack("<I", delta >> 27)


def absolute(time: int) -> bytes:
    """The time, all but its top five bits."""
    return head(31, time & 0x7FFFFFF) + struct.pack("<I", time >> 27 & 0xFFFFFFFF)


def page(size: int, time: int, records: bytes, lost: int | None = 0, padded: bool = False) -> bytes:
    """A page; `lost` events before it (None: some), and padding if there is room and it is wanted."""
    records += head(29, 0) if padded else b""
    commit = len(records)
    assert commit + 16 <= size
    tail = b""
    if lost != 0:
        commit |= MISSED | (0 if lost is None else STORED)
        tail = b"" if lost is None else struct.pack("<Q", lost)
    made = struct.pack("<QQ", time, commit) + records + tail
    return made + bytes(size - len(made))


@dataclass
class Instance:
    """A trace instance: the pages of each CPU."""

    streams: dict[int, bytes]
    name: str = ""
    clock: str = "mono"


@dataclass
class Recording:
    """What goes into a file."""

    instances: list[Instance]
    formats: tuple[Format, ...] = FORMATS
    page_size: int = 4096
    comms: dict[int, str] = field(default_factory=lambda: {1: "init", 77: "two words"})
    rate: tuple[int, int] | None = None

    def systems(self) -> dict[str, list[Format]]:
        """The formats other than ftrace's own, by system."""
        found: dict[str, list[Format]] = {}
        for described in self.formats:
            if described.system != "ftrace":
                found.setdefault(described.system, []).append(described)
        return found


def text(width: int, content: str) -> bytes:
    """A text led by its length."""
    return len(content).to_bytes(width, "little") + content.encode()


def headers() -> bytes:
    """The page's and the record's description."""
    return b"header_page\0" + text(8, HEADER_PAGE) + b"header_event\0" + text(8, HEADER_EVENT)


def ftrace_formats(recording: Recording) -> bytes:
    """The formats of ftrace's own events."""
    own = [described for described in recording.formats if described.system == "ftrace"]
    return struct.pack("<I", len(own)) + b"".join(text(8, described.text()) for described in own)


def event_formats(recording: Recording) -> bytes:
    """The formats of the tracepoints."""
    systems = recording.systems()
    out = struct.pack("<I", len(systems))
    for system, formats in systems.items():
        out += system.encode() + b"\0" + struct.pack("<I", len(formats))
        out += b"".join(text(8, described.text()) for described in formats)
    return out


def cmdlines(recording: Recording) -> bytes:
    """The names of processes."""
    return text(8, "".join(f"{pid} {comm}\n" for pid, comm in recording.comms.items()))


def initial(version: int, page_size: int) -> bytes:
    """The first bytes of a file."""
    return b"\x17\x08\x44tracing" + f"{version}\0".encode() + struct.pack("<BBI", 0, 8, page_size)


def option(number: int, body: bytes) -> bytes:
    """An option."""
    return struct.pack("<HI", number, len(body)) + body


def common_options(recording: Recording) -> bytes:
    """The options both versions have."""
    clock = recording.instances[0].clock
    cpus = 1 + max(cpu for instance in recording.instances for cpu in instance.streams)
    out = option(4, f"local [{clock}] global\0".encode()) + option(8, struct.pack("<I", cpus))
    if recording.rate is not None:
        out += option(14, struct.pack("<IIQ", *recording.rate, 0))
    return out


def write_v6(recording: Recording) -> bytes:
    """The file in version 6. Its CPUs are 0, 1 ... without gaps, in every instance."""
    out = bytearray(initial(6, recording.page_size) + headers())
    out += ftrace_formats(recording) + event_formats(recording)
    out += text(4, "ffffffff81000000 T _text\n") + text(4, "") + cmdlines(recording)
    cpus = len(recording.instances[0].streams)
    out += struct.pack("<I", cpus) + b"options  \0" + common_options(recording)
    holes = []
    for instance in recording.instances[1:]:
        holes.append(len(out) + 6)
        out += option(3, struct.pack("<Q", 0) + instance.name.encode() + b"\0")
    out += struct.pack("<H", 0)
    for number, instance in enumerate(recording.instances):
        if number:
            struct.pack_into("<Q", out, holes[number - 1], len(out))
        out += b"flyrecord\0"
        table = len(out)
        out += bytes(16 * cpus)
        for cpu in range(cpus):
            out += bytes(-len(out) % recording.page_size)
            struct.pack_into("<QQ", out, table + 16 * cpu, len(out), len(instance.streams[cpu]))
            out += instance.streams[cpu]
    return bytes(out)


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "zlib": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def section(number: int, content: bytes, codec: str) -> bytes:
    """A section, compressed if there is a codec."""
    if codec == "none":
        return struct.pack("<HHIQ", number, 0, 0, len(content)) + content
    packed = CODECS[codec](content)
    return struct.pack("<HHIQII", number, 1, 0, len(packed) + 8, len(packed), len(content)) + packed


def chunks(content: bytes, size: int, codec: str) -> bytes:
    """A CPU's pages in chunks."""
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    out = struct.pack("<I", len(parts))
    for part in parts:
        packed = CODECS[codec](part)
        out += struct.pack("<II", len(packed), len(part)) + packed
    return out


def write_v7(recording: Recording, codec: str = "zstd", pages_in_chunk: int = 2) -> bytes:
    """The file in version 7."""
    out = bytearray(initial(7, recording.page_size) + f"{codec}\0".encode() + b"1\0")
    first_options = len(out)
    out += bytes(8)
    options = common_options(recording)
    for number, content in (
        (16, headers()),
        (17, ftrace_formats(recording)),
        (18, event_formats(recording)),
        (21, cmdlines(recording)),
    ):
        options += option(number, struct.pack("<Q", len(out)))
        out += section(number, content, codec)
    struct.pack_into("<Q", out, first_options, len(out))
    done = len(out) + 16 + len(options) + 6
    out += section(0, options + option(0, bytes(8)), "none")
    buffers = b""
    for instance in recording.instances:
        buffers += option(3, add_instance(out, recording, instance, codec, pages_in_chunk))
    struct.pack_into("<Q", out, done, len(out))
    return bytes(out + section(0, buffers + option(0, bytes(8)), "none"))


def add_instance(out: bytearray, recording: Recording, instance: Instance, codec: str, pages_in_chunk: int) -> bytes:
    """Append an instance's pages; the content of the option that describes them."""
    table = struct.pack("<Q", len(out)) + instance.name.encode() + b"\0" + instance.clock.encode() + b"\0"
    table += struct.pack("<II", recording.page_size, len(instance.streams))
    out += struct.pack("<HHIQ", 3, codec != "none", 0, 0)
    for cpu, stream in instance.streams.items():
        if codec == "none":
            out += bytes(-len(out) % recording.page_size)  # as trace-cmd maps them
            packed, size = stream, len(stream)
        else:
            packed = chunks(stream, recording.page_size * pages_in_chunk, codec)
            size = len(packed) - 4  # as trace-cmd states it
        table += struct.pack("<IQQ", cpu, len(out), size)
        out += packed
    return table
