"""All the ring-buffer pages of a trace.dat in one buffer, and the way back to the file's offsets."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np

from recap.errors import InputError
from recap.trace.codec import CODECS, LARGEST_RATIO, check_claim, unpack_exactly
from recap.trace.cursor import CUT_SHORT, Cursor
from recap.trace.tracedat import Stream, TraceDat

SHARE = 32  # chunks unpacked at a time, about a megabyte


@dataclass(frozen=True, slots=True)
class Chunk:
    """A block of packed pages: where in the file, how long, and where its pages go."""

    offset: int
    width: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Run:
    """One CPU's pages: a range of the buffer."""

    cpu: int
    start: int
    stop: int
    page_size: int


@dataclass(frozen=True, slots=True)
class PageData:
    """The pages of all CPUs and instances, some of them still being unpacked."""

    data: memoryview
    runs: list[Run]
    chunks: list[Chunk]
    coming: list[Iterator[Future[int]]]

    def await_more(self, run: int) -> int:
        """Up to where a run can be read, once that is farther than the last time."""
        future = next(self.coming[run], None)
        return future.result() if future else self.runs[run].stop

    def origin(self, at: int) -> str:
        """Where in the file the byte at `at` came from."""
        if not self.chunks:
            return f"offset {at:#x}"
        chunk = self.chunks[bisect_right(self.chunks, at, key=lambda chunk: chunk.start) - 1]
        return f"offset {chunk.offset:#x} (a chunk; unpacked, {at - chunk.start:#x} into it)"


@contextmanager
def page_data(trace: TraceDat) -> Iterator[PageData]:
    """The file itself where its pages are not packed, else what they unpack to, as it is unpacked."""
    if len({buffer.packed for buffer in trace.buffers}) > 1:
        raise InputError(trace.path, "", "some instances are compressed, others not", CUT_SHORT)
    streams = [(stream, buffer) for buffer in trace.buffers for stream in buffer.streams]
    # Ties in time go to the lower CPU, then to the earlier instance.
    streams.sort(key=lambda pair: pair[0].cpu)
    if not trace.buffers[0].packed:
        runs = [Run(s.cpu, s.offset, s.offset + s.size, buffer.page_size) for s, buffer in streams]
        yield PageData(trace.data, runs, [], [iter(()) for _ in runs])
        return
    runs, planned, stop = [], [], 0
    for stream, buffer in streams:
        chunks = list(plan_chunks(trace, stream, stop))
        planned.append(chunks)
        start, stop = stop, chunks[-1].stop if chunks else stop
        runs.append(Run(stream.cpu, start, stop, buffer.page_size))
    pages = reserve(trace, stop)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        coming = unpack(pool, trace, planned, pages)
        yield PageData(pages, runs, list(chain.from_iterable(planned)), coming)
    finally:
        pool.shutdown(cancel_futures=True)


def plan_chunks(trace: TraceDat, stream: Stream, start: int) -> Iterator[Chunk]:
    """The chunks of one CPU, and where their pages shall go."""
    if stream.size == 0:
        return
    # The size a stream states leaves out the count that leads it.
    cursor = Cursor(trace.path, trace.data[: stream.offset + 4 + stream.size], stream.offset)
    for _ in range(cursor.number(4, "the count of chunks")):
        width, size = cursor.number(4, "a chunk"), cursor.number(4, "a chunk")
        try:
            check_claim(width, size)
        except ValueError as error:
            raise cursor.error(str(error)) from None
        yield Chunk(cursor.at, width, start, start + size)
        cursor.block(width, "a chunk")
        start += size


def reserve(trace: TraceDat, size: int) -> memoryview:
    """Room for so many bytes of pages."""
    if size > LARGEST_RATIO * len(trace.data):
        raise InputError(trace.path, "", f"claims to unpack to {size} bytes", CUT_SHORT)
    return np.empty(size, np.uint8).data


def unpack(
    pool: ThreadPoolExecutor, trace: TraceDat, planned: list[list[Chunk]], pages: memoryview
) -> list[Iterator[Future[int]]]:
    """Start unpacking, all CPUs at an even pace; each future is the end of what is then unpacked."""
    coming: list[list[Future[int]]] = [[] for _ in planned]
    for first in range(0, max(map(len, planned), default=0), SHARE):
        for chunks, futures in zip(planned, coming, strict=True):
            if share := chunks[first : first + SHARE]:
                futures.append(pool.submit(unpack_share, trace, share, pages))
    return [iter(futures) for futures in coming]


def unpack_share(trace: TraceDat, share: list[Chunk], pages: memoryview) -> int:
    """Unpack some chunks, each to its place; the end of the last."""
    codec = CODECS[trace.codec]()
    for chunk in share:
        packed = trace.data[chunk.offset : chunk.offset + chunk.width]
        try:
            pages[chunk.start : chunk.stop] = unpack_exactly(codec, packed, chunk.stop - chunk.start)
        except ValueError as error:
            where = f"offset {chunk.offset:#x}"
            raise InputError(trace.path, where, f"a chunk does not unpack: {error}", CUT_SHORT) from None
    return share[-1].stop
