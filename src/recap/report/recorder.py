"""A recording while it runs, and when it is done; and what stands in the way of one."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.report.layout import named_figures
from recap.report.numbers import count
from recap.trace.doctor import Check
from recap.trace.record_file import RecordFile, Start
from recap.trace.recorder import Live
from recap.trace.snapshot import Taken

STYLES = {"ok": "green", "warning": "yellow", "missing": "red"}
MEGA = 1e6


def running(live: Live) -> str:
    """One line: how long, how many, how fast, what is lost, how much it is on disk."""
    rate = live.events / live.seconds if live.seconds else 0
    return (
        f"recording: {live.seconds:.0f} s, {count(live.events)} events, {count(round(rate))}/s, "
        f"{count(live.lost)} lost, {live.bytes / MEGA:.1f} MB"
    )


def recorded(result: RecordFile, folder: Path) -> RenderableType:
    """What was recorded, and what to do with it."""
    table = named_figures()
    for row in (
        ("events", count(result.events), "of the whole machine, recap's own among them"),
        ("lost", count(result.lost), "for lack of room in the buffers" if result.lost else ""),
        ("time", f"{result.seconds:.1f} s", ""),
        ("size", f"{result.bytes / MEGA:.1f} MB", "trace.dat"),
    ):
        table.add_row(*row)
    lines: list[RenderableType] = [table, *start_told(result.start)]
    if result.lost:
        more = 2 * result.buffer_kb // 1024
        lines.append(Text(f"Events were lost: try --buffer {more} or --events light.", style="yellow"))
    start = result.start
    compare = f"; then: recap compare {folder} -p none -p kosaki" if start is None or start.name else ""
    return Group(*lines, Text(f"Next: recap info {folder}{compare}"))


def start_told(start: Start | None) -> list[Text]:
    """From which memory a model of the recording starts, and what is not known of it."""
    if start is None:
        return []
    if start.name is None:
        return [
            Text(f"Start: none, so `recap compare` cannot take it (not live: {start.why_not_live}).", style="yellow")
        ]
    if start.name == "flags" or start.taken is None:
        return [Text(f"Start: flags, without the order of lists (not live: {start.why_not_live}).")]
    taken = start.taken
    agree = "agree" if not taken.differ else f"differ in {taken.differ} places"
    read = f"the kernel's lists were read {taken.readings} times, and the last two readings ({taken.ms:.1f} ms) {agree}"
    told = [Text(f"Start: live; {read}.")]
    told += [Text(f"Torn: {name}, {entries} entries found.", style="yellow") for name, entries in taken.torn.items()]
    return told


def snapshot_taken(taken: Taken, path: Path) -> RenderableType:
    """What a dump gave."""
    of = f" of node {taken.node}, one of {taken.nodes}" if taken.nodes > 1 else ""
    torn = [Text(f"Torn: {name}, {entries} entries found.", style="yellow") for name, entries in taken.torn.items()]
    return Group(Text(f"{path} has the memory state{of}."), *torn)


def diagnosis(checks: Iterable[Check]) -> Table:
    """One line for each check."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for check in checks:
        remedy = f"; {check.remedy}" if check.remedy else ""
        table.add_row(Text(check.state, style=STYLES[check.state]), check.name, f"{check.found}{remedy}")
    return table
