"""Lines of a kernel log from whatever was pasted: each as the kernel wrote it, without what was put before it.

What carried the text is taken off first (`pasted`), then what each line was given on its way: quoting, dates, host
names, levels, times (`prefixes`). Lines that a mail program or a terminal wrapped are joined again (`wrapped`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from recap.trace.packed import DamagedError
from recap.trace.pasted import texts_of
from recap.trace.prefixes import STAMPED, prefix_of
from recap.trace.wrapped import LONGEST_MESSAGE, START, Physical, joined

LARGEST_LOG = 256 << 20  # bytes of text, packed or not
MOST_LINES = 2 << 20  # about 500 bytes of memory each
LONGEST_LINE = 16384  # characters; what comes after is no kernel's, whose lines end at 1,024 or so
QUOTE = re.compile(r"[ \t]*(?:(?:[A-Z]{0,3}>|\||[#*:;%]|//)[ \t]?)+")
QUOTED = 0.5  # of the lines that begin a message
PLAIN = re.compile(r"^\[ *(\d+\.\d+)\](?:\[ *([TC]\d+)\])? ?(.*)$", re.MULTILINE)  # as dmesg prints, nothing else
SAMPLE = 200  # lines that are looked at more closely
LONG = 250  # characters a line, on average: more than the kernel's
ZEROS = str.maketrans("123456789", "0" * 9)
NO_NUMBER = "0" * 20  # with any digits: more of them than a kernel prints
REPORTS = ("page allocation failure", "invoked oom-killer", "page allocation stalls")
PIECES = (  # of lines that 4.9 and others printed in pieces, each a line of its own: the piece before, the piece after
    (re.compile(r"Node \d+ *$"), re.compile(r" *(?:DMA|DMA32|Normal|HighMem|Movable|Device)(?: free:|:)")),
    (re.compile(r"lowmem_reserve\[\]:[ \d-]*$"), re.compile(r" *-?\d+(?: +-?\d+)* *$")),
    (
        re.compile(r"(?:Node \d+ )?(?:DMA|DMA32|Normal|HighMem|Movable):(?: *\d+\*\d+kB(?: *\([A-Z]+\))?)* *$"),
        re.compile(r" *(?:\d+\*\d+kB|\([A-Z]+\)|= \d+kB)"),
    ),
    (re.compile(r"\S.{0,14}: *$"), re.compile(r"page allocation (?:failure|stalls)")),
    (re.compile(r".*(?:order:\d+|, nodemask=) *$"), re.compile(r"(?:, ?mode:|\(null\)|[\d,-]+$)")),
)
ANY_PIECE = re.compile("|".join(after.pattern for _, after in PIECES))


@dataclass(slots=True)
class LogLine:
    """A line as the kernel wrote it."""

    number: int  # of the text as it was pasted, from 1
    text: str  # without quoting, colours, time, caller and what syslog puts before them
    seconds: float | None = None  # since boot, where the line says so
    caller: str = ""  # which task or CPU printed it (`T123`, `C1`), where the kernel says so (CONFIG_PRINTK_CALLER)


def log_lines(pasted: bytes) -> list[LogLine]:
    """The lines of a kernel log, from bytes of any kind.

    Of an archive with several logs the one with the most reports is taken: most hold the same messages twice.

    Errors:
        DamagedError: a packed file cannot be unpacked, or there is more than any log has.
    """
    most, best = -1, ""
    for text in texts_of(pasted, LARGEST_LOG):
        reports = sum(text.count(words) for words in REPORTS)
        if reports > most:
            most, best = reports, text
    if best.count("\n") > MOST_LINES:
        raise DamagedError(f"it has more than {MOST_LINES:,} lines")
    return lines_of(best)


def lines_of(text: str) -> list[LogLine]:
    """The lines of plain text."""
    lines = plain_lines(text) or mangled_lines(text)
    if NO_NUMBER in text.translate(ZEROS):
        lines = [line for line in lines if NO_NUMBER not in line.text.translate(ZEROS)]  # damaged
    lines = list(without_pieces(lines))
    return lines[::-1] if backwards(lines) else lines


def plain_lines(text: str) -> list[LogLine]:
    """The lines of a log where each has the kernel's own prefix and no other; empty for what is no such log."""
    found = PLAIN.findall(text)
    if len(found) != text.count("\n") + (not text.endswith("\n")) or len(text) > LONG * len(found):
        return []
    sample = zip(text.split("\n", SAMPLE), found[:SAMPLE], strict=False)
    if any(line[prefix_of(line).end :] != said for line, (_, _, said) in sample):
        return []  # there is more before each message
    return [
        LogLine(n, said[:LONGEST_LINE], float(seconds), caller) for n, (seconds, caller, said) in enumerate(found, 1)
    ]


def mangled_lines(text: str) -> list[LogLine]:
    """The lines of any other text."""
    whole = ["" if line.isspace() else line for line in text.split("\n")]
    indent = min((len(line) - len(line.lstrip(" ")) for line in whole if line), default=0)
    lines = [Physical(number, line[indent:], len(line) - indent) for number, line in enumerate(whole, 1)]
    if not all(STAMPED.match(line.text) or not line.text for line in lines):
        without_quotes(lines)
    return [
        LogLine(number, message[end : end + LONGEST_LINE].rstrip(), seconds, caller)
        for number, message, (end, seconds, caller) in joined(lines)
    ]


def without_quotes(lines: list[Physical]) -> None:
    """Take off what quotes a message in a mail, where most lines that begin one have it."""
    quotes: list[str] = []
    for line in filter(attrgetter("text"), lines):
        quote = QUOTE.match(line.text)
        rest = line.text[quote.end() :] if quote else line.text
        if prefix_of(rest).end or START.match(rest):
            quotes.append(quote[0] if quote else "")
    signs = {sign for quote in quotes for sign in quote.split()}
    if signs and quotes.count("") < QUOTED * len(quotes):
        sign = re.compile(
            r"(?:[ \t]*(?:" + "|".join(map(re.escape, sorted(signs, key=len, reverse=True))) + r")[ \t]?)+"
        )
        for line in lines:
            line.text = sign.sub("", line.text, count=1) if sign.match(line.text) else line.text


def without_pieces(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """The same, with those joined that the kernel printed in pieces."""
    last: LogLine | None = None
    for line in lines:
        if last is not None and fits(last, line):
            last.text = f"{last.text.rstrip()} {line.text.lstrip()}" if line.text[:1] != "," else last.text + line.text
            continue
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield last


def fits(last: LogLine, line: LogLine) -> bool:
    """Is this line a piece of the last one?"""
    if not ANY_PIECE.match(line.text) or len(last.text) > LONGEST_MESSAGE:
        return False
    text = last.text
    if last.caller != line.caller or (text.endswith("kB") and "= " in text):
        return False
    return any(after.match(line.text) and before.match(text) for before, after in PIECES)


def backwards(lines: list[LogLine]) -> bool:
    """Does the text have the newest line first, as log viewers do?"""
    times = [line.seconds for line in lines if line.seconds is not None]
    falls = sum(after < before for before, after in pairwise(times))
    rises = sum(after > before for before, after in pairwise(times))
    return falls > 2 and rises < falls // 4
