"""Lines that a mail program or a terminal wrapped, or a whole log that was filled like prose, as they were.

A line with the kernel's time, a date or a host name before it begins a message; where lines have that, one without goes
on with the line before. In a log without it the beginnings are known by what the kernel prints there. A terminal breaks
every line at the same column, in the middle of words; mail programs break at spaces, which they drop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from recap.trace.prefixes import DAYS, LONGEST, MONTHS, NONE, Prefix, prefix_of

ZONES = "DMA|DMA32|Normal|HighMem|Movable|Device"
START = re.compile(
    rf"""[ ]*(?:
    \S.{{0,15}}?(?:[ ]invoked[ ]oom-killer:|:[ ]page[ ]allocation[ ](?:failure|stalls)|:[ ]vmalloc[ ]error|[ ]cpuset=)
    |CPU:?[ ]*\d+|Pid:|Hardware[ ]name:|Workqueue:|Call[ ]Trace:|Mem-Info:|Mem-info:|Node[ ]\d+|lowmem_reserve
    |(?:{ZONES})(?:[ ]free:|:[ ]|[ ]per-cpu:)|\d+[ ](?:total[ ])?pages|\d+[ ](?:slab|reserved)
    |(?:[Aa]ctive(?:_anon|_file)?|inactive_file|unevictable|slab_reclaimable|mapped|\w*pagetables|free):\d+(?![\dk])
    |(?:Free|Total)[ ]swap|Swap[ ]cache|Out[ ]of[ ]memory|Memory[ ]cgroup|oom-kill:|oom_reaper|Killed[ ]process
    |Tasks[ ]state|\[[ ]*pid|\[[ ]*\d+\]|\[<|Task[ ]in|memory(?:\+swap)?:[ ]usage|(?:swap|kmem):[ ]usage
    |R[A-Z0-9]{{2}}:|E[A-Z]{{2}}:|Code:|</?[A-Z]{{2,}}>|SLUB:|SLAB:|Unreclaimable|vmalloc:|warn_alloc|---
    |(?:\?[ ])?[\w.]+\+0x[0-9a-f]+/0x
    )""",
    re.VERBOSE,
)
OPEN = (  # lines that are known to go on, and what they go on with
    (
        re.compile(rf"[ ]*(?:Node \d+ )?(?:{ZONES}) free:"),
        re.compile(r"[ ]*(?:[a-z_()]+:\d|all_unreclaimable|(?:yes|no)$)"),
    ),
    (
        re.compile(rf"[ ]*(?:Node \d+ )?(?:{ZONES}):(?!.*= \d+kB)"),
        re.compile(r"[ ]*(?:\d+\*\d+kB|\([A-Z]+\)|= *\d+kB|\d+kB$)"),
    ),
    (re.compile(r"[ ]*\[ *\d+\](?: +-?\d+)+ *$"), re.compile(r"[ ]*(?:-?\d+ +)*\S+$")),  # a task without its name
    (re.compile(r"[ ]*lowmem_reserve\[\]:"), re.compile(r"[ ]*\d+(?: \d+)*$")),
    (re.compile(r".*(?:page allocation|invoked oom-killer)"), re.compile(r"[ ]*(?:order|mode|gfp_mask|nodemask|oom_)")),
    (re.compile(r"[ ]*(?:CPU: \d+|Pid: \d+)(?!.*\d+\.\d+\.\d+)"), re.compile(r".*(?:ainted|\d+\.\d+\.\d)")),
)
STAMP = re.compile(r"\[ *\d{1,9}\.\d{6}(?: *<[ \d.]*>)?\]")
SYSLOG_STAMP = re.compile(rf"\b(?:{MONTHS}) +\d{{1,2}} \d\d:\d\d:\d\d \S{{1,64}} kernel:")
DATED = re.compile(rf"\[(?:{DAYS}) (?:{MONTHS}) +\d{{1,2}} \d\d:\d\d:\d\d \d{{4}}\]")
STAMPS = (STAMP, SYSLOG_STAMP, DATED, re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,]\d{6}"))
STACK = re.compile(r"[ ]*(?:\[<[0-9a-f]{8,16}>\]|(?:Call Trace|Backtrace|Stack):)")  # not worth to be joined
SHORTEST_PREFIX = 8
NARROWEST, WIDEST = 16, 132  # of wrapped lines; no terminal or mail program breaks a line longer than that
LONGEST_MESSAGE = 1500  # characters without a prefix that may still be of the message before; the kernel's have 1,024
EXACT = 0.6  # of the broken lines are this long where a terminal broke them
DOUBLE_SPACED = 0.4  # of the lines are blank


@dataclass(slots=True)
class Physical:
    """A line as it stands in the text."""

    number: int
    text: str
    width: int  # before a quote was taken off
    starts: bool = True
    prefix: Prefix = NONE


def joined(lines: Sequence[Physical]) -> Iterator[tuple[int, str, Prefix]]:
    """The lines as the kernel wrote them: the number of the first, the text, and what is prefix in it."""
    filled = filled_again(lines)
    if filled:
        yield from ((number, text, prefix_of(text)) for number, text in filled)
        return
    if sum(not line.text for line in lines) >= DOUBLE_SPACED * len(lines):
        lines = [line for line in lines if line.text]
    mark_starts(lines)
    broken = [line.width for line, after in pairwise(lines) if not after.starts]
    width, widest = terminal_width(broken), max(broken, default=0)
    for first, *others in messages(lines):
        text, last = first.text, first
        for line in others:
            if width:
                text += " " * (width - last.width) + line.text
            else:
                text = text.rstrip()
                text += glue(text, line.text.strip(), full=last.width == widest, width=widest) + line.text.lstrip()
            last = line
        yield first.number, text, prefix_of(text) if others else first.prefix


def messages(lines: Sequence[Physical]) -> Iterator[list[Physical]]:
    """The lines of each message."""
    message: list[Physical] = []
    for line in lines:
        if line.starts and message:
            yield message
            message = []
        message.append(line)
    if message:
        yield message


def filled_again(lines: Sequence[Physical]) -> list[tuple[int, str]]:
    """The messages of a log that was filled like prose, or lost its line ends; empty where it was not."""
    text = "\n".join(line.text for line in lines)
    mark = next((one for one in STAMPS if one.search(text)), None)
    if mark is None or len(mark.findall(text)) <= 1.2 * sum(bool(mark.search(line.text)) for line in lines):
        return []
    text = re.sub("  +", " ", text)
    found, number = [], lines[0].number
    before = what_is_before(text, mark)
    for message in re.split(rf"[ \n](?=(?:<\d>)?{mark.pattern})", text):
        found.append((number, before.sub("", message.replace("\n", " ").rstrip())))
        number += message.count("\n")
    return found


def what_is_before(text: str, mark: re.Pattern[str]) -> re.Pattern[str]:
    """What stands before the times, with any figures; at the end of a message it is the next one's."""
    first = mark.search(text)
    before = text[: first.start()].rpartition("\n")[2][-LONGEST:] if first else ""
    words = [re.sub(r"\d+", r"\\d+", re.escape(word)) for word in before.split()]
    return re.compile(f" {' '.join(words)}$") if words else re.compile("(?!)")


def mark_starts(lines: Sequence[Physical]) -> None:
    """Say of each line whether it begins a message."""
    for line in lines:
        line.prefix = prefix_of(line.text)
    after: Physical | None = None
    for has_prefix, run in groupby(lines, key=lambda line: bool(line.prefix.end or not line.text)):
        bare = list(run)
        if not has_prefix and after is not None and after.text and may_go_on(bare, after.prefix):
            for line in bare:
                line.starts = STACK.match(line.text) is not None or is_of_same_message(line, after.prefix)
        elif not has_prefix:
            mark_bare(bare, max((line.width for line in lines if " " in line.text.strip()), default=0))
        after = bare[-1] if has_prefix else after


def may_go_on(lines: Sequence[Physical], prefix: Prefix) -> bool:
    """Are lines without prefixes few enough to go on with the message before them?"""
    return sum(line.width for line in lines if not is_of_same_message(line, prefix)) <= LONGEST_MESSAGE


def is_of_same_message(line: Physical, prefix: Prefix) -> bool:
    """Is it a further line of a message with line ends in it? journalctl and dmesg indent those as far as the first."""
    indent = len(line.text) - len(line.text.lstrip(" "))
    if prefix.end < SHORTEST_PREFIX or indent < prefix.end - 1:
        return False
    line.prefix = prefix._replace(end=indent)
    return True


def mark_bare(lines: Sequence[Physical], widest: int) -> None:
    """The same for lines without prefixes, one after the other."""
    text = ""
    for number, line in enumerate(lines):
        long = len(text) > LONGEST_MESSAGE
        known = long or START.match(line.text) is not None
        line.starts = not number or known or not goes_on(text, lines[number - 1], line, widest)
        text = line.text if line.starts else f"{text} {line.text}"


def goes_on(text: str, last: Physical, line: Physical, widest: int) -> bool:
    """Does a line without a prefix go on with the message before it?"""
    if any(begun.match(text) and more.match(line.text) for begun, more in OPEN):
        return True
    first = len(line.text.split(maxsplit=1)[0])
    return NARROWEST <= widest <= WIDEST and last.width + 1 + first > widest and START.match(text) is not None


def terminal_width(broken: Sequence[int]) -> int:
    """The column at which a terminal broke lines of these widths; 0 where it was no terminal, or nothing is broken."""
    widest = max(broken, default=0)
    exact = broken.count(widest)
    return widest if exact > 1 and exact >= EXACT * len(broken) and widest >= NARROWEST else 0


def glue(text: str, more: str, *, full: bool, width: int) -> str:
    """What stood where a mail program broke a line: a space, but for a word that was broken itself."""
    before, after = text.rsplit(" ", 1)[-1], more.split(" ", 1)[0]
    if re.search(r"\w-$", before) and after[:1].isalnum():
        return ""
    return "" if full and len(before) + len(after) > width else " "
