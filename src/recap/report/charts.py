"""Charts as inline SVG: they take their colours from the page, print sharply and need no library.

A plot is stretched to the width there is; its numbers and labels are HTML beside it and keep their size. The plots of a
page that show time share one range, so the page's script can zoom and mark all of them alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from recap.report.templates import render

Values = npt.NDArray[np.float64]

WIDTH = 1000  # of every plot in its own units
TICKS = 4
HAIR = 0.05  # bars closer than this are drawn as one


@dataclass(frozen=True)
class Mark:
    """An SVG element of a plot."""

    tag: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Label:
    """Words in a plot, at a place in percent of its width and height."""

    words: str
    style: str
    left: float
    top: float


@dataclass
class Chart:
    """One plot: an x range, a y range, and what is drawn into it in that order.

    Args:
        x: first and last x; y: lowest and highest value.
        height: of the plot, in pixels.
        log_x, log_y: in powers of ten.
        y_ticks: number the values of y.
        label: what it shows, for people who cannot see it.
        unit: follows every x.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = 116
    log_x: bool = False
    log_y: bool = False
    y_ticks: bool = True
    label: str = ""
    unit: str = ""
    marks: list[Mark] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    lanes: list[Label] = field(default_factory=list)  # names of rows, left of the plot

    def px(self, x: npt.ArrayLike) -> Values:
        """x in the units of the SVG."""
        return np.asarray(share(x, self.x, self.log_x) * WIDTH)

    def py(self, y: npt.ArrayLike) -> Values:
        """y in the units of the SVG, which run downwards."""
        return np.asarray((1 - share(y, self.y, self.log_y)) * self.height)

    def mark(self, tag: str, style: str, **attributes: str) -> None:
        """Add an element."""
        self.marks.append(Mark(tag, {"class": style, **attributes}))

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, style: str) -> None:
        """A line through points."""
        self.mark("polyline", style, points=points(self.px(x), self.py(y)))

    def steps(self, x: Values, y: Values, style: str) -> None:
        """A line that stays at a value until the next."""
        self.line(np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1], style)

    def area(self, x: Values, low: Values, high: Values, style: str) -> None:
        """The band between two lines."""
        there = points(self.px(x), self.py(high))
        back = points(self.px(x)[::-1], self.py(low)[::-1])
        self.mark("polygon", style, points=f"{there} {back}")

    def spans(self, begin: Values, end: Values, y: float, thickness: float, style: str) -> None:
        """Bars from `begin` to `end`; the style's stroke keeps short ones visible."""
        top = float(self.py(y)) - thickness / 2
        bars = joined(self.px(begin), self.px(end), HAIR)
        shape = "".join(f"M{a:.2f} {top:.1f}h{b - a:.2f}v{thickness:.1f}h{a - b:.2f}z" for a, b in bars)
        if shape:
            self.mark("path", f"bar {style}", d=shape)

    def dots(self, x: npt.ArrayLike, y: npt.ArrayLike, style: str) -> None:
        """Points: lines without length, whose round ends stay round when the plot is stretched."""
        places = np.unique(np.stack([self.px(x), self.py(y)], 1).round(1), axis=0)
        if len(places):
            self.mark("path", f"dots {style}", d="".join(f"M{a:.1f} {b:.1f}h0" for a, b in places.tolist()))

    def text(self, x: float, y: float, words: str, style: str = "note") -> None:
        """Words at a place."""
        self.labels.append(Label(words, style, float(self.px(x)) * 100 / WIDTH, float(self.py(y)) * 100 / self.height))

    def lane(self, y: float, words: str) -> None:
        """The name of a row."""
        self.lanes.append(Label(words, "lane", 0, float(self.py(y)) * 100 / self.height))

    def html(self, name: str = "", *, timed: bool = False, kind: str = "", policy: int = 0) -> Markup:
        """The whole.

        Args:
            name: whose chart it is, shown in the corner and part of its label.
            timed: x is the time of the page.
            kind, policy: what the page's script knows it by.
        """
        return render(
            "chart.jinja", chart=self, width=WIDTH, name=name, timed=timed, kind=kind, policy=policy,
            label=f"{self.label}, {name}" if name else self.label,
        )  # fmt: skip

    def y_values(self) -> list[tuple[str, float]]:
        """The numbers of y and where they are, in percent from the top."""
        if not self.y_ticks:
            return []
        values = decades(*self.y) if self.log_y else ticks(*self.y)
        return [(tick(value), float(self.py(value)) * 100 / self.height) for value in values]

    def x_values(self) -> list[tuple[str, float]]:
        """The numbers of x and where they are, in percent from the left."""
        values = decades(*self.x) if self.log_x else ticks(*self.x, 8)
        return [(f"{tick(value)}{self.unit}", float(self.px(value)) * 100 / WIDTH) for value in values]


def share(at: npt.ArrayLike, ends: tuple[float, float], log: bool) -> Values:
    """Where between two ends a value lies, 0 to 1."""
    values, (low, high) = np.asarray(at, float), ends
    if log:
        values, low, high = np.log10(np.maximum(values, low)), math.log10(low), math.log10(high)
    return np.asarray((values - low) / ((high - low) or 1))


def joined(begin: Values, end: Values, gap: float = 1.0) -> Iterable[tuple[float, float]]:
    """Spans in order; those at most `gap` apart become one."""
    order = np.argsort(begin, kind="stable")
    begin, until = begin[order], np.maximum.accumulate(end[order])
    starts = np.flatnonzero(np.append(True, begin[1:] > until[:-1] + gap)) if len(begin) else np.zeros(0, int)
    last = np.append(starts[1:], len(begin)) - 1
    return zip(begin[starts].tolist(), until[last[: len(starts)]].tolist(), strict=True)


def points(x: Values, y: Values) -> str:
    """Coordinates for SVG."""
    return " ".join(f"{a:.2f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def ticks(low: float, high: float, most: int = TICKS) -> Iterable[float]:
    """Round numbers from low to high, at most one more than `most`."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> Sequence[float]:
    """Powers of ten from low to high."""
    return [10.0**i for i in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def tick(value: float) -> str:
    """A tick's number, short."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 10 or (abs(value) >= size and value % (size / 10) == 0):
            return f"{value / size:g}{letter}"
    return f"{value:g}"
