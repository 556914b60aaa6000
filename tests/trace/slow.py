"""A second decoder for trace.dat (version 7, zstd), as simple as can be: it trusts the file, and counts.

It shares no code with recap.trace, so that agreement means something.
"""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import zstandard


def unpack(data: bytes, offset: int) -> bytes:
    """A compressed section."""
    size, unpacked = struct.unpack_from("<II", data, offset + 16)
    packed = data[offset + 24 : offset + 24 + size]
    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=unpacked)


def options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All options of all sections."""
    at = data.index(b"\0", data.index(b"zstd\0") + 5) + 1
    (at,) = struct.unpack_from("<Q", data, at)
    while at:
        at += 16
        while True:
            number, size = struct.unpack_from("<HI", data, at)
            body = data[at + 6 : at + 6 + size]
            at += 6 + size
            if number == 0:
                break
            yield number, body
        (at,) = struct.unpack("<Q", body)


def streams(data: bytes, body: bytes) -> Iterator[bytes]:
    """The pages of each CPU that a buffer option describes."""
    at = body.index(b"\0", body.index(b"\0", 8) + 1) + 1
    _, cpus = struct.unpack_from("<II", body, at)
    for cpu in range(cpus):
        _, offset, _ = struct.unpack_from("<IQQ", body, at + 8 + 20 * cpu)
        (count,) = struct.unpack_from("<I", data, offset)
        offset, pages = offset + 4, []
        for _ in range(count):
            size, unpacked = struct.unpack_from("<II", data, offset)
            packed = data[offset + 8 : offset + 8 + size]
            pages.append(zstandard.ZstdDecompressor().decompress(packed, max_output_size=unpacked))
            offset += 8 + size
        yield b"".join(pages)


def event_ids(pages: bytes) -> Iterator[int]:
    """The ids of a CPU's events."""
    for start in range(0, len(pages), 4096):
        at = start + 16
        end = at + (struct.unpack_from("<I", pages, start + 8)[0] & 0x7FFFFFF)
        while at < end:
            (word,) = struct.unpack_from("<I", pages, at)
            kind = word & 31
            if kind == 0 or (kind == 29 and word >> 5):
                (length,) = struct.unpack_from("<I", pages, at + 4)
                if kind == 0:
                    yield struct.unpack_from("<H", pages, at + 8)[0]
                at += 4 + length
            elif kind == 29:
                break
            elif kind >= 30:
                at += 8
            else:
                yield struct.unpack_from("<H", pages, at + 4)[0]
                at += 4 + 4 * kind


def count_events(path: Path) -> Counter[str]:
    """How many events of each name a file holds."""
    data = path.read_bytes()
    names: dict[int, str] = {}
    found: Counter[int] = Counter()
    for number, body in options(data):
        if number in (17, 18):
            described = unpack(data, struct.unpack("<Q", body)[0]).decode("latin-1")
            names |= {int(i): name for name, i in re.findall(r"name: (\S+)\nID: (\d+)\n", described)}
        if number == 3:
            for pages in streams(data, body):
                found.update(event_ids(pages))
    return Counter({names[event_id]: count for event_id, count in found.items()})
