"""The compressions of trace.dat: each block says how large it unpacks, and is held to that."""

import zlib
from collections.abc import Callable

import zstandard

# Ring-buffer pages that are nearly empty pack about a hundred to one; a bomb packs better.
LARGEST_BLOCK = 64 << 20
LARGEST_RATIO = 512

Unpack = Callable[[memoryview, int], bytes | memoryview]


def plain(packed: memoryview, _size: int) -> memoryview:
    """Not compressed at all."""
    return packed


def unzlib(packed: memoryview, size: int) -> bytes:
    """One zlib stream, and not much more of it than wanted."""
    try:
        return zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def unzstd() -> Unpack:
    """A function that unpacks one zstd frame; each thread needs its own."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_BLOCK)

    def unpack(packed: memoryview, size: int) -> bytes:
        try:
            # zstd allocates what the frame claims, so look at that first; -1 is a frame that claims nothing.
            if zstandard.frame_content_size(packed) not in (size, -1):
                raise ValueError("the sizes inside and outside the block differ")
            return decompressor.decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None

    return unpack


CODECS: dict[str, Callable[[], Unpack]] = {"none": lambda: plain, "zlib": lambda: unzlib, "zstd": unzstd}


def check_claim(packed: int, unpacked: int) -> None:
    """Check that `packed` bytes can hold `unpacked` ones; ValueError if not."""
    if unpacked > min(LARGEST_BLOCK, LARGEST_RATIO * (packed + 128)):
        raise ValueError(f"{packed} bytes claim to hold {unpacked}")


def unpack_exactly(unpack: Unpack, packed: memoryview, size: int) -> bytes | memoryview:
    """The `size` bytes a block claims to hold, or ValueError with the reason."""
    check_claim(len(packed), size)
    unpacked = unpack(packed, size)
    if len(unpacked) != size:
        raise ValueError(f"it holds {len(unpacked)} bytes, not the {size} it claims")
    return unpacked
