"""Charts as inline SVG, drawn by hand: they take their colours from the page, print sharp and need nobody's library.

Every chart of a page shares one width, so that times stand above each other and one cursor can run through all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1120, 76, 14, 10, 24
TICKS = 4


@dataclass
class Chart:
    """One plot: an x range, a y range, and what is drawn into it in that order.

    Args:
        x: first and last x; y: lowest and highest value.
        height: in the units of the SVG, about pixels at full width.
        log_x, log_y: in powers of ten.
        y_ticks: whether the values of y say something.
        unit: behind every x.
        label: what it shows, for who cannot see it.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = 150
    width: int = WIDTH
    log_x: bool = False
    log_y: bool = False
    y_ticks: bool = True
    label: str = ""
    unit: str = ""
    marks: list[str] = field(default_factory=list)

    def px(self, x: npt.ArrayLike) -> Values:
        """x in the units of the SVG."""
        return np.asarray(LEFT + share(x, self.x, self.log_x) * (self.width - LEFT - RIGHT))

    def py(self, y: npt.ArrayLike) -> Values:
        """y in the units of the SVG, which run downwards."""
        return np.asarray(self.height - BOTTOM - share(y, self.y, self.log_y) * (self.height - TOP - BOTTOM))

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, style: str) -> None:
        """A line through points."""
        self.marks.append(f'<polyline class="{style}" points="{points(self.px(x), self.py(y))}"/>')

    def steps(self, x: Values, y: Values, style: str) -> None:
        """A line that stays at a value until the next."""
        self.line(np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1], style)

    def area(self, x: Values, low: Values, high: Values, style: str) -> None:
        """The band between two lines."""
        there = points(self.px(x), self.py(high))
        back = points(self.px(x)[::-1], self.py(low)[::-1])
        self.marks.append(f'<polygon class="{style}" points="{there} {back}"/>')

    def spans(self, begin: Values, end: Values, y: float, thickness: float, style: str) -> None:
        """Bars that last, at least a hair wide; those that touch in the picture are one."""
        top = float(self.py(y)) - thickness / 2
        for a, b in joined(self.px(begin), self.px(end)):
            width = max(1.0, b - a)
            self.marks.append(
                f'<rect class="{style}" x="{a:.1f}" y="{top:.1f}" width="{width:.1f}" height="{thickness:.1f}"/>'
            )

    def dots(self, x: npt.ArrayLike, y: npt.ArrayLike, style: str, radius: float = 2.5) -> None:
        """Points."""
        places = np.unique(np.stack([self.px(x), self.py(y)], 1).round(1), axis=0)
        self.marks += [f'<circle class="{style}" cx="{a:.1f}" cy="{b:.1f}" r="{radius}"/>' for a, b in places.tolist()]

    def text(self, x: float, y: float, words: str, style: str = "note", anchor: str = "start") -> None:
        """Words at a place."""
        at = f'x="{float(self.px(x)):.1f}" y="{float(self.py(y)):.1f}" text-anchor="{anchor}"'
        self.marks.append(f'<text class="{style}" {at}>{escape(words)}</text>')

    def name(self, words: str) -> None:
        """Whose chart it is, in its upper left corner."""
        self.marks.append(f'<text class="name" x="{LEFT + 8}" y="{TOP + 12}">{escape(words)}</text>')

    def svg(self, *, timed: bool = False) -> str:
        """The whole; one that is timed has the page's cursor in it."""
        bottom = self.height - BOTTOM
        cursor = f'<line class="cursor" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{bottom}"/>' if timed else ""
        kind = ' data-timed=""' if timed else ""
        return (
            f'<svg class="chart"{kind} viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.label)}">{self.grid()}{"".join(self.marks)}{cursor}</svg>'
        )

    def grid(self) -> str:
        """Ticks with their numbers, and a line for each."""
        bottom, right = self.height - BOTTOM, self.width - RIGHT
        parts = []
        for y in self.y_values():
            at = float(self.py(y))
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick(y)}</text>')
        for x in decades(*self.x) if self.log_x else ticks(*self.x, 8):
            at = float(self.px(x))
            parts.append(
                f'<text class="tick" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{tick(x)}{self.unit}</text>'
            )
        return "".join(parts)

    def y_values(self) -> Iterable[float]:
        """Where a line is drawn across."""
        if not self.y_ticks:
            return []
        return decades(*self.y) if self.log_y else ticks(*self.y)


def share(at: npt.ArrayLike, ends: tuple[float, float], log: bool) -> Values:
    """Where between two ends a value lies, 0 to 1."""
    values, (low, high) = np.asarray(at, float), ends
    if log:
        values, low, high = np.log10(np.maximum(values, low)), math.log10(low), math.log10(high)
    return np.asarray((values - low) / ((high - low) or 1))


def joined(begin: Values, end: Values) -> Iterable[tuple[float, float]]:
    """Spans in order, those less than a unit apart taken together."""
    order = np.argsort(begin, kind="stable")
    begin, until = begin[order], np.maximum.accumulate(end[order])
    starts = np.flatnonzero(np.append(True, begin[1:] > until[:-1] + 1)) if len(begin) else np.zeros(0, int)
    last = np.append(starts[1:], len(begin)) - 1
    return zip(begin[starts].tolist(), until[last[: len(starts)]].tolist(), strict=True)


def points(x: Values, y: Values) -> str:
    """Coordinates for SVG."""
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def ticks(low: float, high: float, most: int = TICKS) -> Iterable[float]:
    """Round numbers from low to high, at most so many and one."""
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
