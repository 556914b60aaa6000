"""Kernel addresses in the events of a trace, blanked: they would tell where a kernel lies, and recap reads none.

An address is a pointer, as the format file has its type, or the place in the code that wrote a trace marker.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator

import cython

from recap.trace.formats import EventFormat, Field
from recap.trace.ringbuffer import Pages

if not cython.compiled:
    from recap.trace.ringbuffer import BAD, END, FAULT_BACKWARDS, advance, u16

MARKER = "print"
IDS = 1 << 16


class Addresses:
    """Which bytes of each event hold an address: those of event `id` are fields `first[id]` to `first[id + 1]`."""

    def __init__(self, formats: Iterable[EventFormat]) -> None:
        found: list[list[Field]] = [[] for _ in range(IDS)]
        for described in formats:
            found[described.id] = list(addresses(described))
        self.first = array("i", [0, *itertools.accumulate(map(len, found))])
        self.offset = array("i", [field.offset for fields in found for field in fields])
        self.width = array("i", [field.size for fields in found for field in fields])


def addresses(described: EventFormat) -> Iterator[Field]:
    """The fields of an event that hold a kernel address."""
    for name, field in described.fields.items():
        if ("*" in field.type and "[" not in field.type) or (described.name == MARKER and name == "ip"):
            yield field


def blank_pages(data: bytearray, fields: Addresses, page_size: int, commit: int, payload: int) -> None:
    """Blank every address in some whole pages of one CPU."""
    view = memoryview(data)
    pages = Pages(view, [0], [page_size], commit, payload)
    pages.feed(0, 0, len(view), 1)
    blank(pages, view, fields)


def blank(pages: Pages, data: memoryview, fields: Addresses) -> None:
    """Blank them event by event."""
    while True:
        moved = advance(pages, 0)
        if moved == END:
            return
        if moved == BAD:
            leave_page(pages)
        else:
            blank_event(pages, data, fields)


def leave_page(pages: Pages) -> None:
    """Go on behind a page that makes no sense; one that is earlier than the last makes enough."""
    if pages.at[0] < pages.end[0]:
        pages.at[0] = pages.end[0]
    elif pages.fault == FAULT_BACKWARDS:
        pages.time[0] = -1
    else:  # its header already
        pages.page[0] += pages.page_size[0]


def blank_event(pages: Pages, data: memoryview, fields: Addresses) -> None:
    """Blank the addresses of the current event."""
    event_id = u16(pages, pages.body[0])
    for k in range(fields.first[event_id], fields.first[event_id + 1]):
        if fields.offset[k] + fields.width[k] <= pages.size[0]:
            for i in range(fields.width[k]):
                data[pages.body[0] + fields.offset[k] + i] = 0
