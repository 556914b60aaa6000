"""All the ring-buffer pages of a trace.dat in one buffer, with the way back from there to the file's offsets."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recap.errors import InputError
from recap.trace.codec import CODECS, LARGEST_RATIO, check_claim, unpack_exactly
from recap.trace.cursor import CUT_SHORT, Cursor
from recap.trace.tracedat import Stream, TraceDat

MOST_THREADS = 8


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
    """The pages of all CPUs and instances."""

    data: memoryview
    runs: list[Run]
    chunks: list[Chunk]

    def origin(self, at: int) -> str:
        """Where in the file the byte at `at` came from."""
        if not self.chunks:
            return f"offset {at:#x}"
        chunk = self.chunks[bisect_right(self.chunks, at, key=lambda chunk: chunk.start) - 1]
        return f"chunk at offset {chunk.offset:#x}, unpacked offset {at - chunk.start:#x}"


def page_data(trace: TraceDat) -> PageData:
    """The file itself where its pages are not packed, else what they unpack to."""
    if len({buffer.packed for buffer in trace.buffers}) > 1:
        raise InputError(trace.path, "", "some instances are compressed, others not", CUT_SHORT)
    streams = [(stream, buffer) for buffer in trace.buffers for stream in buffer.streams]
    # Ties in time go to the lower CPU, then to the earlier instance.
    streams.sort(key=lambda pair: pair[0].cpu)
    if not trace.buffers[0].packed:
        runs = [Run(s.cpu, s.offset, s.offset + s.size, buffer.page_size) for s, buffer in streams]
        return PageData(trace.data, runs, [])
    runs, chunks, stop = [], list[Chunk](), 0
    for stream, buffer in streams:
        start = stop
        chunks += plan_chunks(trace, stream, start)
        stop = chunks[-1].stop if chunks else 0
        runs.append(Run(stream.cpu, start, stop, buffer.page_size))
    return PageData(unpack(trace, chunks, stop), runs, chunks)


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


def unpack(trace: TraceDat, chunks: list[Chunk], size: int) -> memoryview:
    """The pages in all chunks."""
    if size > LARGEST_RATIO * len(trace.data):
        raise InputError(trace.path, "", f"claims to unpack to {size} bytes", CUT_SHORT)
    try:
        pages = memoryview(np.empty(size, np.uint8))
    except MemoryError:
        raise InputError(trace.path, "", f"needs {size} bytes of memory", "record for a shorter time") from None
    threads = min(os.cpu_count() or 1, MOST_THREADS)
    # Contiguous shares: the error that is told is the first in the file, however many threads there are.
    bounds = pairwise(len(chunks) * i // threads for i in range(threads + 1))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda bound: unpack_share(trace, chunks[bound[0] : bound[1]], pages), bounds))
    return pages


def unpack_share(trace: TraceDat, share: list[Chunk], pages: memoryview) -> None:
    """Unpack some chunks, each to its place."""
    codec = CODECS[trace.codec]()
    for chunk in share:
        packed = trace.data[chunk.offset : chunk.offset + chunk.width]
        try:
            pages[chunk.start : chunk.stop] = unpack_exactly(codec, packed, chunk.stop - chunk.start)
        except ValueError as error:
            where = f"offset {chunk.offset:#x}"
            raise InputError(trace.path, where, f"a chunk does not unpack: {error}", CUT_SHORT) from None
