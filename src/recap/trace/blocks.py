"""Files whose events are not all in order of time: block by block, each read when its time has come.

A first look tells from when on each block has events. The blocks are then read by that time, and what is earlier than
all blocks to come goes out in order. So a file in order needs the memory of two blocks, and one made of parts in order
(the texts of all CPUs, one behind the other) that of a block for each part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recap.errors import InputError
from recap.trace.cursor import map_file
from recap.trace.event import Event
from recap.trace.table import COLUMNS, PIECE, Events, Flow

BLOCK = 4 << 20  # bytes
LOOK = 0.1  # of the work is the first look
MOST_HELD = 1 << 22  # rows that wait for earlier ones
PLACE = "place"  # of a row in the file
PLACES = 1 << 23  # more than a block has rows
LATEST = (1 << 63) - 1
UNORDERED = "sort it by time, or print the trace again"

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file, and a time before which they have no event."""

    start: int
    stop: int
    earliest: int


class Part:
    """The rows of a block that was read, in order, of which some are gone."""

    def __init__(self, columns: Columns) -> None:
        self.columns = ordered([columns])
        self.time = self.columns["time"]
        self.gone = 0

    def before(self, limit: int | None) -> Columns:
        """The rows that are earlier, which go; without a limit that is all."""
        start, self.gone = self.gone, len(self.time) if limit is None else int(np.searchsorted(self.time, limit))
        return {name: column[start : self.gone] for name, column in self.columns.items()}


def in_order(path: Path, blocks: Sequence[Block], read: Callable[[Block], Columns]) -> Iterator[Columns]:
    """The rows of all blocks in order of time (ties: by CPU, then as in the file), some at a time."""
    numbers = sorted(range(len(blocks)), key=lambda number: (blocks[number].earliest, number))
    limits = [min(blocks[number].earliest, LATEST) for number in numbers[1:]]
    parts: list[Part] = []
    for number, limit in zip(numbers, [*limits, None], strict=True):
        columns = read(blocks[number])
        columns[PLACE] = np.arange(len(columns["time"])) + number * PLACES
        parts.append(Part(columns))
        if sum(len(part.time) for part in parts) > MOST_HELD:
            problem = f"is so far out of order that more than {MOST_HELD:,} events would have to wait"
            raise InputError(path, "", problem, UNORDERED)
        ready = ordered([part.before(limit) for part in parts])
        parts = [part for part in parts if part.gone < len(part.time)]
        yield {name: ready[name] for name in COLUMNS}


def ordered(parts: list[Columns]) -> Columns:
    """The rows of some parts in order."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns[PLACE], columns["cpu"], columns["time"]))
    return {name: column[order] for name, column in columns.items()}


def in_pieces(chunks: Iterator[Columns]) -> Iterator[Columns]:
    """The same rows, PIECE at a time; an empty piece for a chunk without rows, so that progress can be shown."""
    waiting: list[Columns] = []
    rows = 0
    for chunk in chunks:
        waiting.append(chunk)
        rows += len(chunk["time"])
        if rows < PIECE:
            yield without_rows()
        while rows >= PIECE:
            columns = {name: np.concatenate([part[name] for part in waiting]) for name in COLUMNS}
            yield {name: column[:PIECE] for name, column in columns.items()}
            waiting, rows = [{name: column[PIECE:] for name, column in columns.items()}], rows - PIECE
    if rows:
        yield {name: np.concatenate([part[name] for part in waiting]) for name in COLUMNS}


def without_rows() -> Columns:
    """Columns of none."""
    return {name: np.empty(0, kind) for name, kind in COLUMNS.items()}


class BlockReader:
    """A mapped file on its way to the table, block by block."""

    def __init__(self, path: Path, found: Flow) -> None:
        self.path = path
        self.data = map_file(path)
        self.found = found
        self.marks: list[str] = []  # in the order they are read; the flow has them in order of time

    def blocks(self) -> Iterator[Block]:
        """All blocks, after a first look."""
        raise NotImplementedError

    def read(self, block: Block) -> Columns:
        """The rows of a block; a marker's has its number in `a`. Everything else goes into the flow."""
        raise NotImplementedError

    def flow(self) -> Flow:
        """The events piece by piece."""
        self.found.pieces = self.pieces()
        return self.found

    def pieces(self) -> Iterator[Events]:
        """The tables of the flow."""
        blocks: list[Block] = []
        for block in self.blocks():
            blocks.append(block)
            if block.stop // BLOCK > block.start // BLOCK:
                self.found.share = LOOK * block.stop / len(self.data)
                yield self.found.table(without_rows())
        self.found.share = LOOK
        for columns in in_pieces(in_order(self.path, blocks, self.read_on)):
            self.number_marks(columns)
            yield self.found.table(columns)

    def read_on(self, block: Block) -> Columns:
        """A block, and what it tells of the whole."""
        columns = self.read(block)
        self.found.share += (1 - LOOK) * (block.stop - block.start) / len(self.data)
        self.found.cpus = max(self.found.cpus, int(columns["cpu"].max(initial=0)) + 1)
        return columns

    def number_marks(self, columns: Columns) -> None:
        """Let the marks of a piece count on from those before."""
        for row in np.flatnonzero(columns["event"] == Event.TRACE_MARKER).tolist():
            text = self.marks[columns["a"][row]]
            columns["a"][row] = len(self.found.marks)
            self.found.marks.append(text)
