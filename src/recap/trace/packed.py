"""Files that are packed: gzip, zstd, xz, bzip2, and the logs inside an archive (tar, zip, a sosreport)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any

USTAR_AT = 257
MOST_MEMBERS = 100_000
MOST_LAYERS = 4  # an archive in a mail in an archive is enough
PIECE = 1 << 20
LOG_NAME = re.compile(  # of a support archive's many files, those that hold kernel messages
    r"dmesg|messages|syslog|kern(?:el)?[._-]?log|journal(?:ctl)?|console|kmsg|boot\.log|serial|\.log(?:\.|$)|\.txt$",
    re.I,
)
LIKELY = ("vmcore-dmesg", "dmesg", "journalctl", "kern.log", "messages", "syslog")  # the most useful first


class DamagedError(ValueError):
    """A packed file that cannot be unpacked."""


def open_zstd(file: IO[bytes]) -> IO[bytes]:
    """A zstd file's content; a frame that would need more memory than zstd's own tool allows is refused."""
    import zstandard  # noqa: PLC0415 (not for every log)

    return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True)


OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": open_zstd,
}


def unpacked(data: bytes, most: int, layers: int = MOST_LAYERS) -> Iterator[bytes]:
    """The files in `data`, or `data` itself; DamagedError for what cannot be unpacked, or makes more than `most`."""
    opener = next((opener for magic, opener in OPENERS.items() if data.startswith(magic)), None)
    if layers == 0:
        yield data
    elif opener is not None:
        yield from unpacked(decompressed(data, opener, most), most, layers - 1)
    elif data[USTAR_AT : USTAR_AT + 5] == b"ustar":
        yield from logs_in(tar_members(data), most, layers)
    elif data.startswith(b"PK\x03\x04"):
        yield from logs_in(zip_members(data), most, layers)
    else:
        yield data


def decompressed(data: bytes, opener: Callable[[IO[bytes]], Any], most: int) -> bytes:
    """The content of a compressed file; of one that is cut short, what there is."""
    out = io.BytesIO()
    try:
        with opener(io.BytesIO(data)) as file:
            while out.tell() <= most and (piece := file.read(PIECE)):
                out.write(piece)
    except Exception as error:  # each of the four has errors of its own
        if not out.tell():
            raise DamagedError(f"it cannot be unpacked: {error}") from None
    if out.tell() > most:
        raise DamagedError(f"it unpacks to more than {most >> 20} MiB")
    return out.getvalue()


Member = tuple[str, int, Callable[[], bytes]]


def tar_members(data: bytes) -> Iterator[Member]:
    """The files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for number, member in enumerate(archive):
            if number > MOST_MEMBERS:
                return
            if member.isfile():
                content = archive.extractfile(member)
                if content is not None:
                    yield member.name, member.size, content.read


def zip_members(data: bytes) -> Iterator[Member]:
    """The files of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist()[:MOST_MEMBERS]:
            if not member.is_dir():
                yield member.filename, member.file_size, lambda name=member.filename: archive.read(name)  # type: ignore[misc]


def logs_in(members: Iterator[Member], most: int, layers: int) -> Iterator[bytes]:
    """The logs of an archive, the likeliest first."""
    found: list[tuple[int, str, bytes]] = []
    room = most
    try:
        for name, size, read in members:
            if LOG_NAME.search(PurePosixPath(name).name) and size <= room:
                content = read()
                room -= len(content)
                found.append((likelihood(name), name, content))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error, ValueError, RuntimeError) as error:
        if not found:
            raise DamagedError(f"the archive is damaged: {error}") from None
    if not found:
        raise DamagedError("there is no log in the archive")
    for _, _, content in sorted(found, key=lambda one: one[:2]):
        yield from unpacked(content, most, layers - 1)


def likelihood(name: str) -> int:
    """How far down the list of likely names a file is."""
    return next((place for place, word in enumerate(LIKELY) if word in name), len(LIKELY))
