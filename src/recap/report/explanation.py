"""A failed request explained, for a reader: the verdict, then what each zone could give and what would have helped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.explain import Diagnosis
from recap.lab.memory_held import USES
from recap.lab.oom_answer import victim_words
from recap.lab.zone_verdict import ZoneVerdict
from recap.report.layout import ruled

SHOWN = 3  # reports told in full
LISTED = 20  # and in a line
USES_SHOWN = 6
ANSWERS = {True: "yes", False: "no", None: "perhaps"}


def explanation(found: Sequence[Diagnosis]) -> RenderableType:
    """The first few reports in full, the others in a line."""
    ordered = sorted(found, key=lambda one: -one.alike.times)  # the storms first, else as in the log
    shown = [part for one in ordered[:SHOWN] for part in parts(one)]
    more = [Text(f"line {one.line}: {headline(one)}: {one.cause}{often(one)}") for one in ordered[SHOWN:LISTED]]
    left = [Text(f"and {len(ordered) - LISTED:,} more kinds of report")] if len(ordered) > LISTED else []
    return Group(*shown, *more, *left)


def often(one: Diagnosis) -> str:
    """`, 5,000 times`."""
    return f", {one.alike.times:,} times" if one.alike.times > 1 else ""


def storm(one: Diagnosis) -> str:
    """How many are alike, from where to where, and by whom."""
    alike = one.alike
    span = (
        f"from line {alike.first_line:,}{at(alike.first_seconds)} to line {alike.last_line:,}{at(alike.last_seconds)}"
    )
    said = [f"{alike.times:,} reports like this, {span}"]
    for words, names in (("by", alike.tasks), ("killed:", alike.victims)):
        if names:
            said.append(f"{words} {', '.join(f'{name} ({times:,})' for name, times in names.items())}")
    return f"{'; '.join(said)}. This is the one with the least free."


def at(seconds: float | None) -> str:
    """When, in seconds since boot."""
    return "" if seconds is None else f" ({seconds:,.0f} s)"


def headline(one: Diagnosis) -> str:
    """Who asked for what."""
    kernel = f", on Linux {one.release}" if one.release else ""
    who = one.task or "a task"
    if one.kind in ("hung", "spins"):
        return f"{who} does not get on{kernel}"
    if one.kind == "vmalloc":
        return f"{who} asked vmalloc for memory with {one.flags or 'flags not told'}{kernel}"
    if not one.flags:
        return f"a task was killed{kernel}" if one.victims else f"{who}{kernel}"
    pages = f"{1 << one.order} pages in one block (order {one.order})" if one.order else "one page (order 0)"
    end = {"oom": "; the OOM killer was called", "stall": " and still waits"}.get(one.kind, "")
    caller = f" for {one.asked_by}" if one.asked_by and one.kind != "oom" else ""
    return f"{who} asked for {pages} with {one.flags}{caller}{kernel}{end}"


def parts(one: Diagnosis) -> Iterator[RenderableType]:
    """One report."""
    yield Text(f"line {one.line}: {headline(one)}", style="bold")
    if one.alike.times > 1:
        yield Text(storm(one))
    yield Text(f"{one.verdict}\n")
    if one.because.lower() not in one.verdict.lower():
        yield Text(f"why: {one.because}.\n")
    if one.zones and one.cause != "memcg":
        yield zones(one)
    if one.what_if:
        yield changes(one)
    yield from memory(one)
    if one.uncertain:
        yield Text(f"not certain: {'; '.join(one.uncertain)}.\n")


def memory(one: Diagnosis) -> Iterator[RenderableType]:
    """What held it: uses, the cgroup's parts, tasks."""
    if one.held and one.cause != "memcg" and set(one.held) - {"free", "per_cpu_lists"}:
        total = one.ram or sum(one.held.values())
        of = "of RAM" if one.ram else "of what is listed"
        most = list(one.held.items())[:USES_SHOWN]
        words = [f"{USES[name]} {pages:,} ({100 * pages / total:.0f} %)" for name, pages in most]
        yield Text(f"where memory was, in pages and per cent {of}: {', '.join(words)}\n")
    if one.group and one.group.holds:
        words = [f"{name} {kib:,} kB" for name, kib in one.group.holds.items()]
        yield Text(f"what the cgroup holds: {', '.join(words)}\n")
    if one.largest_tasks:
        yield tasks(one)
    if one.victims and not one.group:
        yield Text(f"killed: {', '.join(victim_words(victim) for victim in one.victims)}\n")


def zones(one: Diagnosis) -> Table:
    """A row for each zone: what was free for the request, less its own pages, against what it must leave."""
    out = any(zone.out_of_reach for zone in one.zones)
    heads = ["zone", "free pages"] + ["not for it"] * out + ["less its own"] * bool(one.order)
    table = ruled("", [*heads, "must leave", "short by", "largest order", "verdict"], words=("zone", "verdict"))
    for zone in one.zones:
        cells = [zone.name, f"{zone.free:,}"] + [f"{zone.out_of_reach:,}"] * out
        cells += [f"{(1 << one.order) - 1:,}"] * bool(one.order)
        largest = "–" if zone.largest_order is None else str(zone.largest_order)
        short = f"{zone.short:,}" if zone.allowed else "–"
        table.add_row(*cells, f"{zone.needed - 1:,}", short, largest, words(zone))
    return table


def words(zone: ZoneVerdict) -> str:
    """What the rules said."""
    if not zone.allowed:
        return zone.why_not
    if not zone.enough:
        return "too little free"
    if not zone.known:
        return "cannot be told"
    if zone.served:
        return "would be served"
    index = f", fragmentation index {zone.fragmentation_index / 1000:.3f}" if zone.fragmentation_index else ""
    return f"in pieces{index}"


def tasks(one: Diagnosis) -> Table:
    """The largest of the OOM killer's table."""
    table = ruled("the largest tasks", ("task", "pid", "resident pages", "swapped"), words=("task",))
    for task in one.largest_tasks:
        table.add_row(task.name, str(task.pid), f"{task.rss:,}", f"{task.swap:,}")
    return table


def changes(one: Diagnosis) -> Table:
    """What would have helped."""
    table = ruled("would this have helped?")
    table.add_column("change", max_width=44)
    table.add_column("helps")
    table.add_column("why", max_width=90)
    for change in one.what_if:
        table.add_row(change.change, ANSWERS[change.helps], change.why)
    return table
