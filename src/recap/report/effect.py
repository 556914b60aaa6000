"""A published effect for a reader: what was said, and what the model does."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from recap.lab.effects import EffectFound, Measure
from recap.report.layout import ruled

UNITS = {"percent": "%", "points": " points", "count": ""}
HEADS = ("metric", "before", "after", "change", "published", "direction")


def effect(found: EffectFound) -> RenderableType:
    """The table, and what it rests on."""
    table = ruled(found.title, HEADS, words=("metric", "direction"))
    for one in found.measures:
        table.add_row(*cells(one))
    return Group(table, *map(Text, notes(found)))


def cells(one: Measure) -> tuple[str, ...]:
    """A metric's line."""
    unit, was = UNITS[one.unit], UNITS["points" if one.unit == "points" else "percent"]
    change = f"{one.change.mean:+,.1f} ±{one.change.spread:,.1f}{unit}"
    return one.metric, str(one.before), str(one.after), change, f"{one.published:+.0f}{was}", verdict(one)


def verdict(one: Measure) -> str:
    """Does the interval lie on the published side of zero, on the other, or on both?"""
    if one.direction:
        return "as published"
    if not one.published:
        return "no change published"
    return "not apart from zero" if one.change.low <= 0 <= one.change.high else "the other way"


def notes(found: EffectFound) -> Iterator[str]:
    """What the columns are, and what was assumed."""
    yield f"before: {found.before}; after: {found.after}; {found.seeds} seeds, change within each, 95 % intervals"
    yield from (f"Assumed: {line}" for line in found.assumptions)
    yield from (f"Not modelled: {line}" for line in found.missing)


def markdown(found: EffectFound) -> str:
    """The table, for a page."""
    lines = [HEADS, ("---",) * len(HEADS), *map(cells, found.measures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
