"""Arrays in a NumPy archive (.npz), each looked at before it is read: a small file may say that it holds very much."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from recap.trace.memory import GB, available

PACKED_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes, and what needs no memory to unpack
SHARE = 4  # what is made of the arrays takes a few times as much memory
HEADERS: dict[tuple[int, int], Callable[[Any], tuple[Any, bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


class Npz:
    """An archive whose arrays are read by name.

    Errors:
        ValueError: the archive is damaged, or no archive; it holds objects, or more than there is memory for.
    """

    def __init__(self, file: IO[bytes]) -> None:
        with refused():
            self.archive = zipfile.ZipFile(file)
            self.headers = {info.filename.removesuffix(".npy"): self.header(info) for info in self.archive.infolist()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def header(self, info: zipfile.ZipInfo) -> Header:
        """What an array says of itself, if the archive says the same."""
        if info.compress_type not in PACKED_BY:
            raise ValueError(f"{info.filename} has an unknown compression")
        with self.archive.open(info) as member:
            read = HEADERS.get(np.lib.format.read_magic(member))
            if read is None:
                raise ValueError(f"{info.filename} has an unknown format")
            shape, _, dtype = read(member)
            header = Header(shape, dtype)
            if dtype.hasobject or header.nbytes != info.file_size - member.tell():
                raise ValueError(f"{info.filename} does not match its header")
        return header

    def read(self, names: Collection[str] = ()) -> dict[str, npt.NDArray[Any]]:
        """Arrays by name: these, or all."""
        wanted = names or self.headers
        needed, room = sum(self.headers[name].nbytes for name in wanted), available()
        if room is not None and needed > room // SHARE:
            raise ValueError(
                f"it unpacks to {needed / GB:.1f} GB, more than 1/{SHARE} of the {room / GB:.1f} GB available"
            )
        with refused():
            return {name: self.array(name) for name in wanted}

    def array(self, name: str) -> npt.NDArray[Any]:
        """One of them."""
        with self.archive.open(f"{name}.npy") as member:
            found: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return found


@contextmanager
def refused() -> Iterator[None]:
    """What zipfile, zlib and NumPy raise on a damaged file, a dozen kinds, as a ValueError."""
    try:
        yield
    except (ValueError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"the archive is damaged: {error}") from None
