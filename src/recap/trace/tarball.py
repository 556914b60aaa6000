"""What a support archive (sosreport and its like) holds of /proc, as files of a recording without a trace."""

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from recap.errors import InputError
from recap.trace.cursor import CUT_SHORT
from recap.trace.surroundings import PROC_FILES

USTAR_AT = 257
LARGEST_FILE = 16 << 20
LARGEST_ARCHIVE = 16 << 30  # unpacked
LARGEST_WINDOW = 128 << 20  # `xz -9` has one of 64 MiB
PIECE = 1 << 16
MOST_MEMBERS = 1_000_000


def is_tarball(path: Path) -> bool:
    """Whether a file begins as an archive does, packed or not."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith(tuple(PACKED)) or head[USTAR_AT : USTAR_AT + 5] == b"ustar"


def unpack(path: Path) -> Path:
    """A new temporary folder with the archive's /proc files as NAME.0; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="recap-"))
    try:
        take_all(path, folder)
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
        shutil.rmtree(folder)
        raise InputError(path, "", f"the archive is damaged: {error}", CUT_SHORT) from None
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def take_all(path: Path, folder: Path) -> None:
    """Copy what is asked for, if there is any."""
    found = 0
    with path.open("rb") as file, tarfile.open(fileobj=Limited(unpacked(file)), mode="r:") as archive:
        for number, member in enumerate(archive):
            if number > MOST_MEMBERS:
                break
            found += take(archive, member, folder)
    if not found:
        raise InputError(path, "", "it contains no files of /proc", "give an archive with proc/vmstat or the like")


def unpacked(file: BinaryIO) -> BinaryIO:
    """What is in a file that may be compressed."""
    head = file.read(max(map(len, PACKED)))
    file.seek(0)
    opener = next((opener for magic, opener in PACKED.items() if head.startswith(magic)), None)
    return cast("BinaryIO", opener(file)) if opener else file


class Limited(io.RawIOBase):
    """A stream that hands out no more at a time than a file of /proc has, and has an end.

    tarfile reads whatever a header claims to be long into memory; a few kilobytes can unpack to gigabytes.
    """

    def __init__(self, content: BinaryIO) -> None:
        self.content = content

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if not 0 <= size <= LARGEST_FILE:
            raise ValueError(f"a header claims {size} bytes")
        return self.content.read(size)

    def seek(self, offset: int, _whence: int = 0) -> int:
        """Go to a byte."""
        if offset > LARGEST_ARCHIVE:
            raise ValueError(f"it unpacks to more than {LARGEST_ARCHIVE >> 30} GiB")
        return self.content.seek(offset)

    def tell(self) -> int:
        """Which byte is next."""
        return self.content.tell()


class Xz:
    """What is in an .xz file, forwards only, with a limit to the window that it may ask for."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LARGEST_WINDOW)
        self.at = 0

    def read(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        parts, wanted = [], size
        while wanted and not self.decompressor.eof:
            packed = self.file.read(PIECE) if self.decompressor.needs_input else b""
            if self.decompressor.needs_input and not packed:
                raise EOFError("it ends in the middle")
            parts.append(self.decompressor.decompress(packed, wanted))
            wanted -= len(parts[-1])
        self.at += size - wanted
        return b"".join(parts)

    def seek(self, offset: int) -> int:
        """Go on to a byte."""
        if offset < self.at:
            raise ValueError("a header points back")
        while self.at < offset and self.read(min(PIECE, offset - self.at)):
            pass
        return self.at

    def tell(self) -> int:
        """Which byte is next."""
        return self.at


# By the first bytes of a file.
PACKED: dict[bytes, Callable[[BinaryIO], object]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": Xz,
}


def take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> bool:
    """Copy one member, if it is a file of /proc that is asked for; the archive's own paths are never followed."""
    parts = PurePosixPath(member.name).parts
    for name, source in PROC_FILES.items():
        wanted = ("proc", *source.split("/"))
        if member.isfile() and member.size <= LARGEST_FILE and parts[-len(wanted) :] == wanted:
            content = archive.extractfile(member)
            if content is not None:
                (folder / f"{name}.0").write_bytes(content.read(LARGEST_FILE))
                return True
    return False
