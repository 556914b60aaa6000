"""A position in a file's bytes: numbers and strings come out in order, and never from beyond the end."""

import mmap
from pathlib import Path
from typing import Self

from recap.errors import InputError

LARGE_FOLIO = 2 << 20  # bytes
CUT_SHORT = "copy the file again, or record again: it is cut short or damaged"


def map_file(path: Path) -> memoryview:
    """The bytes of a regular file, without reading them."""
    if not path.is_file():
        raise InputError(path, "", "there is no such file", "give the path of a recorded file")
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        raise InputError(path, "offset 0x0", "the file is empty", "record again") from None
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", "check its permissions") from None


def forget(data: memoryview, start: int, stop: int) -> None:
    """Give back the memory behind bytes of a mapped file that will not be read again soon."""
    whole = data.obj
    if isinstance(whole, mmap.mmap):
        # A fault also maps what is before it in the same large folio, forgotten already (filemap_map_pages).
        first = max(0, start - LARGE_FOLIO) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < stop:
            whole.madvise(mmap.MADV_DONTNEED, first, stop - first)


class Cursor:
    """Reads little-endian numbers, strings and blocks of `data`, from `at` on."""

    def __init__(self, path: Path, data: memoryview, at: int = 0, inside: str = "") -> None:
        self.path = path
        self.data = data
        self.inside = inside
        self.at = 0
        self.seek(at)

    def error(self, problem: str, remedy: str = CUT_SHORT) -> InputError:
        """What is wrong where the cursor stands."""
        return InputError(self.path, f"{self.inside}offset {self.at:#x}", problem, remedy)

    def seek(self, at: int) -> None:
        """Go to an offset that the file itself named."""
        if at > len(self.data):
            raise self.error(f"points to offset {at:#x}, beyond the end")
        self.at = at

    def block(self, size: int, what: str) -> memoryview:
        """The next `size` bytes."""
        if size > len(self.data) - self.at:
            raise self.error(f"ends inside {what}")
        self.at += size
        return self.data[self.at - size : self.at]

    def part(self, size: int, what: str) -> Self:
        """A cursor over the next `size` bytes only."""
        start = self.at
        self.block(size, what)
        return type(self)(self.path, self.data[: self.at], start, self.inside)

    def number(self, size: int, what: str) -> int:
        """The next unsigned number."""
        return int.from_bytes(self.block(size, what), "little")

    def string(self, what: str, longest: int = 4096) -> str:
        """The next NUL-terminated string."""
        head = bytes(self.data[self.at : self.at + longest])
        end = head.find(0)
        if end < 0:
            raise self.error(f"{what} has no end")
        self.at += end + 1
        return head[:end].decode(errors="replace")

    def expect(self, wanted: bytes, what: str) -> None:
        """Step over bytes that must be there."""
        start = self.at
        if bytes(self.block(len(wanted), what)) != wanted:
            self.at = start
            raise self.error(f"{what} is missing")

    def text(self, width: int, what: str) -> str:
        """The next block of text, led by its length."""
        return bytes(self.block(self.number(width, what), what)).decode(errors="replace")
