"""Lines of a kernel log from whatever was pasted: each as the kernel wrote it, without what was put before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PREFIX = re.compile(
    r"(?:[>|\s]*)(?:.*?\bkernel: ?)?(?:<\d+>)?(?:\[ *(?P<seconds>\d+\.\d+)\])?(?:\[ *(?P<caller>[TC]\d+)\])? ?"
)


@dataclass(slots=True)
class LogLine:
    """A line as the kernel wrote it."""

    number: int  # of the text as it was pasted, from 1
    text: str  # without quoting, colours, time, caller and what syslog puts before them
    seconds: float | None = None  # since boot, where the line says so
    caller: str = ""  # which task or CPU printed it (`T123`, `C1`), where the kernel says so (CONFIG_PRINTK_CALLER)


def log_lines(pasted: bytes) -> Iterator[LogLine]:
    """The lines of a kernel log, from bytes of any kind."""
    return lines_of(pasted.decode(errors="replace").splitlines())


def lines_of(texts: Iterable[str]) -> Iterator[LogLine]:
    """Lines of plain text, without their prefixes."""
    for number, text in enumerate(texts, 1):
        prefix = PREFIX.match(text)
        if prefix is None:
            yield LogLine(number, text)
            continue
        seconds = float(prefix["seconds"]) if prefix["seconds"] else None
        yield LogLine(number, text[prefix.end() :], seconds, prefix["caller"] or "")
