"""A small file read whole, unless it is absurdly large: what it is named for is known to be far smaller."""

from __future__ import annotations

from pathlib import Path

from recap.errors import InputError


def bounded_content(path: Path, largest: int, again: str, whose: str = "") -> bytes:
    """A file's bytes.

    Args:
        largest: bytes it may have.
        again: what to do about a file that cannot be read or is larger.
        whose: added to the line about a larger one.

    Errors:
        InputError: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", again) from None
    if len(content) > largest:
        raise InputError(path, "", f"has more than {largest >> 20} MiB{whose}", again)
    return content
