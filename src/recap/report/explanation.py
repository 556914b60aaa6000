"""A failed request explained, for a reader: what was asked, what each zone could give, what would have helped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recap.lab.explain import HELD, Diagnosis, ZoneVerdict
from recap.report.layout import ruled

SHOWN = 3  # reports told in full
ANSWERS = {True: "yes", False: "no", None: "perhaps"}


def explanation(found: Sequence[Diagnosis]) -> RenderableType:
    """The first few reports in full, the others in a line."""
    shown = [part for one in found[:SHOWN] for part in parts(one)]
    more = [Text(f"line {one.line}: {headline(one)}: {one.cause}") for one in found[SHOWN:]]
    return Group(*shown, *more)


def headline(one: Diagnosis) -> str:
    """Who asked for what."""
    pages = f"{1 << one.order} pages in one block (order {one.order})" if one.order else "one page (order 0)"
    kernel = f", on Linux {one.release}" if one.release else ""
    end = "; the OOM killer was called" if one.kind == "oom" else ""
    return f"{one.task} asked for {pages} with {one.flags}{kernel}{end}"


def parts(one: Diagnosis) -> Iterator[RenderableType]:
    """One report."""
    yield Text(f"line {one.line}: {headline(one)}", style="bold")
    yield Text(f"why: {one.because}.\n")
    if one.zones:
        yield zones(one)
    if one.what_if:
        yield changes(one)
    if one.held:
        total = sum(one.held.values())
        most = [f"{HELD[name]} {pages:,} ({100 * pages / total:.0f} %)" for name, pages in list(one.held.items())[:4]]
        yield Text(f"where memory was, in pages: {', '.join(most)}\n")


def zones(one: Diagnosis) -> Table:
    """A row for each zone."""
    heads = ("zone", "free pages", "must leave", "largest order", "verdict")
    table = ruled("", heads, words=("zone", "verdict"))
    for zone in one.zones:
        largest = "–" if zone.largest_order is None else str(zone.largest_order)
        table.add_row(zone.name, f"{zone.free:,}", f"{max(0, zone.needed - 1):,}", largest, words(zone))
    return table


def words(zone: ZoneVerdict) -> str:
    """What the rules said."""
    if not zone.allowed:
        return "not for this request"
    if zone.served:
        return "would be served"
    if not zone.enough:
        return "too little free"
    index = f", fragmentation index {zone.fragmentation_index / 1000:.3f}" if zone.fragmentation_index else ""
    return f"in pieces{index}"


def changes(one: Diagnosis) -> Table:
    """What would have helped."""
    table = ruled("would this have helped?")
    table.add_column("change", max_width=44)
    table.add_column("helps")
    table.add_column("why", max_width=90)
    for change in one.what_if:
        table.add_row(change.change, ANSWERS[change.helps], change.why)
    return table
