"""Standard output and standard error, whatever they are: a terminal, a pipe, closed, full, of a narrow encoding."""

import codecs
import os
import sys
from contextlib import suppress

from recap.printable import printable

# What stands in the place of the few characters of recap's own that ASCII or Latin-1 lacks.
PLAINER = {"±": "+-", "µ": "u", "–": "-", "×": "x", "·": ".", "…": "..."}
PLAINER |= dict.fromkeys("▁▂▃", "_") | dict.fromkeys("▄▅▆", "-") | dict.fromkeys("▇█", "^")  # a curve, three high
HANDLER = "recap.plainer"


def prepare() -> None:
    """Give a stream that was closed at the start somewhere to go, and let no character end the command."""
    codecs.register_error(HANDLER, plainer)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            occupy(descriptor)
            setattr(sys, name, os.fdopen(descriptor, "w", closefd=False))
        getattr(sys, name).reconfigure(errors=HANDLER)


def occupy(descriptor: int) -> None:
    """Open nothing under this number: else the next file that is opened would be taken for the stream."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def abandon() -> None:
    """Give up standard output: what it holds cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def plainer(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks, in its own characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAINER.get(letter, ascii(letter)[1:-1]) for letter in text), error.end


def say(text: str) -> None:
    """One line on standard error, which may be full."""
    with suppress(OSError):
        print("recap:", printable(" ".join(text.split())), file=sys.stderr, flush=True)
