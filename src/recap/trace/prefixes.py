"""What stands before a kernel message in a log: dates, host names, levels, times since boot, and who printed it."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 120  # characters before the kernel's own time
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
LEVELS = "emerg|alert|crit|err|error|warn|warning|notice|info|debug"
MICROSECONDS = 1e6

# `[   12.345678]`, also with the time since the line before (`dmesg -d`), then the caller, then what vendors add.
STAMPED = re.compile(
    rf"(?P<before>.{{0,{LONGEST}}}?)\[ *(?:\d- *)?(?P<seconds>\d{{1,9}}\.\d{{1,9}})(?:,\d| *<[ \d.+]*>)?\]"
    r"(?: ?\[ *(?P<caller>[TC]\d{1,7})\])?"
    r"(?: (?:\S{1,64} )?kernel:| *[A-Z]?\[\d{1,2}: *[^\]]{1,20}: *\d+\]| ?(?:<\d>)?[ .-]*\(\d+\)\[\d+:[^\]]*\])? ?"
)
SYSLOG = re.compile(rf".{{0,{LONGEST}}}?\bkernel(?:\[\d+\])?(?:: ?| - \S+ \S+ ?)(?:<\d>)?")
KMSG = re.compile(
    r" *(?:[\w.+-]+,)?\d{1,3},\d{1,12},(?P<micro>\d{1,15}),[-c+](?:,caller=(?P<caller>[TC]\d{1,7}))?[^;]{0,80};"
)
OTHERS = re.compile(
    rf"(?:\[?(?:(?:{DAYS}),? +)?(?:\d{{1,2}} )?(?:{MONTHS}) *\d{{1,2}},?(?: \d{{4}})? \d\d:\d\d(?::\d\d)?(?:[.,]\d+)?"
    r"(?: \d{4})?(?: [A-Z]{3,4})?\]?"
    rf"|\[?(?:(?:{DAYS}) )?\d{{4}}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"(?:Z| ?[+-]\d\d:?\d\d| [A-Z]{3,4})?\]?:?"
    r"|\[[^\[\]]{3,24} \d\d:\d\d:\d\d \d{4}\]"  # dmesg -T in other languages
    r"|\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?: +\d+ +\d+ [VDIWEFS] [^:]{0,30}:)?"
    r"|[VDIWEFS]/[^(:]{0,30}\( *\d+\):"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:?"
    r"|\[ *\+\d+\.\d+\]|<\d{1,3}>"
    rf"|(?:kern|user) *[.:] *(?:{LEVELS}) *:?"
    r"|(?:stdout|stderr) [FP](?= )) *"
)


class Prefix(NamedTuple):
    """Where a line's message starts, and what its prefix tells."""

    end: int
    seconds: float | None = None
    caller: str = ""


NONE = Prefix(0)


def prefix_of(line: str) -> Prefix:
    """The prefix of a line, NONE where there is none that is known."""
    found = STAMPED.match(line)
    if found is not None:
        return Prefix(found.end(), float(found["seconds"]), found["caller"] or "")
    found = SYSLOG.match(line)
    if found is not None:
        return Prefix(found.end())
    found = KMSG.match(line)
    if found is not None:
        return Prefix(found.end(), int(found["micro"]) / MICROSECONDS, found["caller"] or "")
    end = indent = len(line) - len(line.lstrip(" "))
    while found := OTHERS.match(line, end):
        end = found.end()
    return Prefix(end) if end > indent else NONE
