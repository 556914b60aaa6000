"""Ring-buffer pages as they come, in a folder laid out like tracefs: what `cp` saves, or a killed recorder leaves."""

from collections.abc import Callable
from pathlib import Path

from recap.errors import InputError
from recap.trace.container import NO_FOLDER, RawFolder
from recap.trace.cursor import Cursor, map_file
from recap.trace.formats import parse_fields, parse_format
from recap.trace.ingest import flow, ingest
from recap.trace.ringbuffer import Pages, makes_sense
from recap.trace.table import Events, Flow
from recap.trace.tracedat import MAX_EVENT_ID, Buffer, PageHeader, Stream, TraceDat, check_streams, page_header


def is_raw(path: Path) -> bool:
    """Whether a folder has pages of a CPU where tracefs has them."""
    return next(path.glob("per_cpu/cpu*/trace_pipe_raw"), None) is not None


def read_raw(path: Path, progress: Callable[[float], None] | None = None) -> Events:
    """The events of raw pages, all CPUs merged in time order."""
    return ingest(describe(RawFolder(path)), progress)


def raw_flow(path: Path) -> Flow:
    """The same piece by piece."""
    return flow(describe(RawFolder(path)))


def describe(raw: RawFolder) -> TraceDat:
    """The pages, each CPU's in a file of its own, and what else a trace.dat would say."""
    page_size = raw.page_size()
    trace = TraceDat(raw.path, memoryview(b""), 7, page_size, cpus=max(cpu for cpu, _ in raw.cpus) + 1)
    trace.header = header_of(raw)
    streams = []
    for cpu, pages in raw.cpus:
        size = pages.stat().st_size // page_size * page_size
        if size:  # an empty file cannot be mapped
            streams.append(Stream(cpu, map_file(pages), 0, size))
    for system, texts in raw.formats():
        for described in filter(None, (parse_format(system, text) for text in texts)):
            if described.id < MAX_EVENT_ID:
                trace.formats[described.id] = described
    trace.add_functions(raw.text("kallsyms", ""))
    trace.add_comms(raw.text("saved_cmdlines", ""))
    trace.buffers.append(Buffer("", raw.clock(), page_size, packed=False, streams=tuple(streams)))
    check_streams(trace, Cursor(raw.path, trace.data))
    return trace


def header_of(raw: RawFolder) -> PageHeader:
    """How a page begins."""
    try:
        return page_header(parse_fields(raw.text("events/header_page")))
    except ValueError as error:
        raise InputError(raw.path / "events/header_page", "", str(error), NO_FOLDER) from None


def sound_size(raw: RawFolder, pages: Path) -> int:
    """Bytes of whole pages: after a kill the last one may be cut, after a power cut the last ones torn, or zeros."""
    page_size = raw.page_size()
    size = pages.stat().st_size // page_size * page_size
    if not size:
        return 0
    data, header = map_file(pages), header_of(raw)
    while size and not is_sound(data[size - page_size : size], header):
        size -= page_size
    return size


def is_sound(page: memoryview, header: PageHeader) -> bool:
    """Whether a page was written as a whole."""
    if bytes(page).count(0) == len(page):
        return False
    walked = Pages(page, [0], [len(page)], header.commit, header.payload)
    walked.feed(0, 0, len(page), 1)
    return bool(makes_sense(walked))
