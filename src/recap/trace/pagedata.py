"""The ring-buffer pages of all CPUs, a share of them at a time: while one share is read, the next are unpacked.

Each CPU has two slots of one bounded buffer, filled and read in turn, however long the trace is.
"""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from recap.errors import InputError
from recap.trace.codec import CODECS, check_claim, unpack_exactly
from recap.trace.cursor import CUT_SHORT, Cursor, forget
from recap.trace.tracedat import Buffer, Stream, TraceDat

SHARE = 1 << 20  # bytes unpacked at a time
ALL_SHARES = 64 << 20  # what the slots of all CPUs take together, unless the file's own chunks are larger
SLOTS = 2
FEW = 128  # chunks
PLAIN = "none"
CHUNK_HEAD = struct.Struct("<II")  # bytes in the file, bytes unpacked


@dataclass(frozen=True, slots=True)
class Chunk:
    """A block of pages in the file: where, how long there, and how long unpacked."""

    offset: int
    width: int
    size: int


class Source:
    """Where one CPU's pages come from, cut into shares; gone through twice, and never held as a whole."""

    def __init__(self, trace: TraceDat, stream: Stream, buffer: Buffer, largest: int) -> None:
        self.trace = trace
        self.stream = stream
        self.page_size = buffer.page_size
        self.packed = buffer.packed
        self.largest = largest
        weights = [weight(share) for share in self.shares()]
        self.size = sum(weights)
        self.head = min(self.page_size, self.size)  # room for what the last share ended with, less than a page
        self.room = self.head + max(weights, default=0)
        self.slots = min(SLOTS, len(weights))

    def shares(self) -> Iterator[list[Chunk]]:
        """As many chunks at a time as fit, but one at least."""
        share: list[Chunk] = []
        for chunk in self.packed_chunks() if self.packed else self.plain_chunks():
            if share and weight(share) + chunk.size > self.largest:
                yield share
                share = []
            share.append(chunk)
        if share:
            yield share

    def plain_chunks(self) -> Iterator[Chunk]:
        """Pages that are not packed, cut after whole pages."""
        step = max(1, self.largest // self.page_size) * self.page_size
        for at in range(0, self.stream.size, step):
            size = min(step, self.stream.size - at)
            yield Chunk(self.stream.offset + at, size, size)

    def packed_chunks(self) -> Iterator[Chunk]:
        """The chunks the file itself has."""
        stream = self.stream
        if stream.size == 0:
            return
        # The size a stream states leaves out the count that leads it.
        end = stream.offset + 4 + stream.size
        cursor = Cursor(self.trace.path, stream.data[:end], stream.offset)
        count, at = cursor.number(4, "the count of chunks"), cursor.at
        forgotten = stream.offset
        for number in range(count):
            width, size = CHUNK_HEAD.unpack_from(stream.data, at) if end - at >= CHUNK_HEAD.size else (end, 0)
            if width > end - at - CHUNK_HEAD.size:
                raise Cursor(self.trace.path, stream.data, at).error("ends inside a chunk")
            at += CHUNK_HEAD.size
            try:
                check_claim(width, size)
            except ValueError as error:
                raise Cursor(self.trace.path, stream.data, at).error(str(error)) from None
            yield Chunk(at, width, size)
            at += width
            if number % FEW == 0:
                forget(stream.data, forgotten, at)
                forgotten = at

    def unpack(self, share: list[Chunk], target: memoryview) -> None:
        """Unpack some chunks, one behind the other."""
        codec, at = CODECS[self.trace.codec if self.packed else PLAIN](), 0
        for chunk in share:
            packed = self.stream.data[chunk.offset : chunk.offset + chunk.width]
            try:
                target[at : at + chunk.size] = unpack_exactly(codec, packed, chunk.size)
            except ValueError as error:
                where = f"offset {chunk.offset:#x}"
                raise InputError(self.trace.path, where, f"a chunk cannot be unpacked: {error}", CUT_SHORT) from None
            at += chunk.size
        forget(self.stream.data, share[0].offset, share[-1].offset + share[-1].width)


class AtOnce(Executor):
    """Does everything where it is asked for: threads are not worth their start for a small file."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        return done


class Lane:
    """One CPU's pages on their way: those from `begin` to `end` of the buffer can be read."""

    def __init__(self, source: Source, data: memoryview, start: int, pool: Executor) -> None:
        self.cpu = source.stream.cpu
        self.page_size = source.page_size
        self.size = source.size
        self.read = 0
        self.begin = self.end = start
        self.source = source
        self.data = data
        self.pool = pool
        self.left = source.shares()
        self.coming: deque[tuple[int, list[Chunk], Future[None]]] = deque()
        self.places: list[tuple[int, Chunk]] = []
        self.slot: int | None = None
        for slot in range(source.slots):
            self.order(start + slot * source.room)

    @property
    def last(self) -> bool:
        """Whether there is no more than can be read now."""
        return not self.coming

    def order(self, slot: int) -> None:
        """Have the next share unpacked into a slot."""
        share = next(self.left, None)
        if share is not None:
            at = slot + self.source.head
            target = self.data[at : at + weight(share)]
            self.coming.append((slot, share, self.pool.submit(self.source.unpack, share, target)))

    def turn(self) -> None:
        """Go on to the next share, once all whole pages of this one are read."""
        slot, share, unpacked = self.coming.popleft()
        unpacked.result()
        rest = (self.end - self.begin) % self.page_size
        at = slot + self.source.head
        self.data[at - rest : at] = self.data[self.end - rest : self.end]
        self.places = [(at - rest, self.places[-1][1])] if rest else []
        free, self.slot, self.begin = self.slot, slot, at - rest
        for chunk in share:
            self.places.append((at, chunk))
            at += chunk.size
        self.end = at
        self.read += weight(share)
        if free is not None:
            self.order(free)

    def origin(self, at: int) -> str:
        """Where in the file the byte at `at` came from."""
        start, chunk = [place for place in self.places if place[0] <= at][-1]
        if not self.source.packed:
            return f"offset {chunk.offset + at - start:#x}"
        return f"offset {chunk.offset:#x} (a chunk; unpacked, {at - start:#x} into it)"


def weight(share: list[Chunk]) -> int:
    """Bytes of a share, unpacked."""
    return sum(chunk.size for chunk in share)


@dataclass(frozen=True, slots=True)
class PageData:
    """The pages of all CPUs and instances, a lane each, lower CPUs first."""

    data: memoryview
    lanes: list[Lane]
    pool: Executor  # that unpacks them, and has time for more

    @property
    def size(self) -> int:
        """Bytes of all pages, unpacked."""
        return sum(lane.size for lane in self.lanes)

    @property
    def share(self) -> float:
        """How much of it was read, 0 to 1."""
        return sum(lane.read for lane in self.lanes) / max(1, self.size)


@contextmanager
def page_data(trace: TraceDat) -> Iterator[PageData]:
    """All pages of a trace, ready to be read lane by lane."""
    sources = list(plan(trace))
    starts = np.cumsum([0, *(source.slots * source.room for source in sources)]).tolist()
    data = np.empty(starts[-1], np.uint8).data
    pool = ThreadPoolExecutor(os.cpu_count()) if len(data) > SHARE else AtOnce()
    try:
        lanes = [Lane(source, data, start, pool) for source, start in zip(sources, starts, strict=False)]
        yield PageData(data, lanes, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def plan(trace: TraceDat) -> Iterator[Source]:
    """Every CPU's pages cut into shares."""
    streams = [(stream, buffer) for buffer in trace.buffers for stream in buffer.streams]
    # Ties in time go to the lower CPU, then to the earlier instance.
    streams.sort(key=lambda pair: pair[0].cpu)
    largest = min(SHARE, ALL_SHARES // (SLOTS * max(1, len(streams))))
    for stream, buffer in streams:
        yield Source(trace, stream, buffer, largest)
