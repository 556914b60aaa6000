"""A trace.dat (version 7, zstd) from a folder laid out like tracefs: what trace-cmd and KernelShark open.

The folder holds `events/` with the formats, `per_cpu/cpuN/trace_pipe_raw` with the pages, `saved_cmdlines`
and `trace_clock`: what `cp` makes of tracefs, or a recorder of ours that was killed leaves behind.
"""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from recap.errors import InputError
from recap.trace.bounded import bounded_content
from recap.trace.formats import parse_fields
from recap.trace.tracedat import (
    BUFFER,
    CMDLINES,
    CPUCOUNT,
    DONE,
    EVENT_FORMATS,
    FTRACE_EVENTS,
    HEADER_INFO,
    MAGIC,
    SECTION_PACKED,
    TRACECLOCK,
)

UNAME, VERSION, KALLSYMS, PRINTK = 5, 9, 19, 20
CHUNK_PAGES = 32
LEVEL = 3  # of zstd
SAVED = ("kallsyms", "printk_formats", "saved_cmdlines", "trace_clock", "uname")
LARGEST_TEXT = 64 << 20  # bytes; the longest is kallsyms, of some 10 MB
NO_FOLDER = "give a folder with events/ and per_cpu/cpuN/trace_pipe_raw, as tracefs has them"


class RawFolder:
    """Ring-buffer pages and event formats, laid out like tracefs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cpus = sorted(
            (int(pages.parent.name.removeprefix("cpu")), pages)
            for pages in path.glob("per_cpu/cpu*/trace_pipe_raw")
            if pages.parent.name.removeprefix("cpu").isdecimal()
        )
        if not self.cpus:
            raise InputError(path, "per_cpu", "there are no ring-buffer pages", NO_FOLDER)

    def files(self) -> list[Path]:
        """All that is read of the folder."""
        events = sorted(path for path in (self.path / "events").rglob("*") if path.is_file())
        saved = (self.path / name for name in SAVED)
        return [*(pages for _, pages in self.cpus), *events, *(path for path in saved if path.is_file())]

    def text(self, name: str, otherwise: str | None = None) -> str:
        """One of its texts."""
        path = self.path / name
        if otherwise is not None and not path.is_file():
            return otherwise
        return bounded_content(path, LARGEST_TEXT, NO_FOLDER).decode(errors="replace")

    def formats(self) -> Iterator[tuple[str, list[str]]]:
        """The format files of each system, ftrace's own included; all of them are no longer than one text may be."""
        room = LARGEST_TEXT
        for system in sorted((self.path / "events").iterdir()):
            if system.is_dir():
                found = [bounded_content(path, room, NO_FOLDER) for path in sorted(system.glob("*/format"))]
                room -= sum(map(len, found))
                if found:
                    yield system.name, [content.decode(errors="replace") for content in found]

    def page_size(self) -> int:
        """Bytes of a ring-buffer page, its header included."""
        data = parse_fields(self.text("events/header_page")).get("data")
        if data is None:
            raise InputError(self.path / "events/header_page", "field data", "is missing", NO_FOLDER)
        return data.offset + data.size

    def clock(self) -> str:
        """The clock that was on."""
        _, bracket, rest = self.text("trace_clock", "[local]").partition("[")
        return rest.partition("]")[0] if bracket else "local"


def pack(
    raw: RawFolder,
    target: Path,
    progress: Callable[[float], None] | None = None,
    edit: Callable[[bytearray], None] | None = None,
) -> None:
    """Write the trace.dat; where that fails, there is none. `edit` may change pages before they are packed."""
    unfinished = target.with_name(target.name + ".part")
    try:
        with unfinished.open("wb") as file:
            Container(file, raw, edit).write(progress or (lambda _share: None))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


class Container:
    """A trace.dat while it is written: sections first, then the options that say where they are."""

    def __init__(self, file: BinaryIO, raw: RawFolder, edit: Callable[[bytearray], None] | None) -> None:
        self.file = file
        self.raw = raw
        self.edit = edit
        self.zstd = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)
        self.places: dict[int, int] = {}

    def write(self, progress: Callable[[float], None]) -> None:
        """Everything, in order."""
        raw, page_size = self.raw, self.raw.page_size()
        self.file.write(MAGIC + b"7\0" + struct.pack("<BBI", 0, 8, os.sysconf("SC_PAGE_SIZE")) + b"zstd\x001\0")
        first_options = self.file.tell()
        self.file.write(bytes(8))
        formats = dict(raw.formats())
        own = formats.pop("ftrace", [])
        self.section(HEADER_INFO, self.headers())
        self.section(FTRACE_EVENTS, struct.pack("<I", len(own)) + b"".join(text(8, described) for described in own))
        systems = b"".join(system(name, found) for name, found in formats.items())
        self.section(EVENT_FORMATS, struct.pack("<I", len(formats)) + systems)
        self.section(KALLSYMS, text(4, raw.text("kallsyms", "")))
        self.section(PRINTK, text(4, raw.text("printk_formats", "")))
        self.section(CMDLINES, text(8, raw.text("saved_cmdlines", "")))
        options = self.tell_options()
        options += option(BUFFER, self.pages(page_size, progress))
        options += option(DONE, bytes(8))
        at = self.file.tell()
        self.file.write(struct.pack("<HHIQ", DONE, 0, 0, len(options)) + options)
        self.file.seek(first_options)
        self.file.write(struct.pack("<Q", at))

    def headers(self) -> bytes:
        """How a page and a record begin."""
        page, record = self.raw.text("events/header_page"), self.raw.text("events/header_event", "")
        return b"header_page\0" + text(8, page) + b"header_event\0" + text(8, record)

    def section(self, number: int, content: bytes) -> None:
        """A packed section."""
        self.places[number] = self.file.tell()
        packed = self.zstd.compress(content)
        head = struct.pack("<HHIQII", number, SECTION_PACKED, 0, len(packed) + 8, len(packed), len(content))
        self.file.write(head + packed)

    def tell_options(self) -> bytes:
        """The options but for the pages': where the sections are, and the machine."""
        cpus = max(cpu for cpu, _ in self.raw.cpus) + 1
        kernel = " ".join(os.uname())
        out = b"".join(option(number, struct.pack("<Q", place)) for number, place in self.places.items())
        out += option(TRACECLOCK, self.raw.text("trace_clock", "[local]").encode() + b"\0")
        out += option(UNAME, self.raw.text("uname", kernel).encode() + b"\0")
        return out + option(CPUCOUNT, struct.pack("<I", cpus)) + option(VERSION, b"recap\0")

    def pages(self, page_size: int, progress: Callable[[float], None]) -> bytes:
        """The pages of all CPUs; the option that describes them."""
        start = self.file.tell()
        self.file.write(bytes(16))
        described = b"\0" + self.raw.clock().encode() + b"\0" + struct.pack("<II", page_size, len(self.raw.cpus))
        total = sum(path.stat().st_size for _, path in self.raw.cpus) or 1
        done = 0
        for cpu, path in self.raw.cpus:
            at = self.file.tell()
            for read in self.chunks(path, page_size):
                done += read
                progress(done / total)
            # The size a stream states leaves out the count that leads it.
            described += struct.pack("<IQQ", cpu, at, self.file.tell() - at - 4)
        end = self.file.tell()
        self.file.seek(start)
        self.file.write(struct.pack("<HHIQ", BUFFER, SECTION_PACKED, 0, end - start - 16))
        self.file.seek(end)
        return struct.pack("<Q", start) + described

    def chunks(self, path: Path, page_size: int) -> Iterator[int]:
        """One CPU's pages in chunks, led by their count; yields the bytes that are done."""
        at, count = self.file.tell(), 0
        self.file.write(bytes(4))
        with path.open("rb") as pages:
            while read := pages.read(CHUNK_PAGES * page_size):
                chunk = bytearray(read[: len(read) // page_size * page_size])  # a killed reader ends inside a page
                if not chunk:
                    break
                if self.edit:
                    self.edit(chunk)
                packed = self.zstd.compress(chunk)
                self.file.write(struct.pack("<II", len(packed), len(chunk)) + packed)
                count += 1
                yield len(chunk)
        end = self.file.tell()
        self.file.seek(at)
        self.file.write(struct.pack("<I", count))
        self.file.seek(end)


def text(width: int, content: str) -> bytes:
    """A text led by its length."""
    encoded = content.encode()
    return len(encoded).to_bytes(width, "little") + encoded


def system(name: str, formats: list[str]) -> bytes:
    """The formats of one system's events."""
    return name.encode() + b"\0" + struct.pack("<I", len(formats)) + b"".join(text(8, event) for event in formats)


def option(number: int, body: bytes) -> bytes:
    """An option."""
    return struct.pack("<HI", number, len(body)) + body
