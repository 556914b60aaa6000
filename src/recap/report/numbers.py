"""How a number is written: counts whole, small means to a tenth, the spread beside the mean."""

from recap.lab.results import Interval

NO_FIGURE = "–"
SMALL = 100  # below it a mean over seeds keeps one decimal


def count(value: float) -> str:
    """A whole number with its thousands apart, or a small mean to a tenth."""
    return f"{value:,.{decimals(value)}f}"


def interval(value: Interval) -> str:
    """Mean and half-width, `61.2 ±1.4`; a figure without spread stands alone."""
    spread = max(value.mean - value.low, value.high - value.mean)
    if not spread:
        return count(value.mean)
    places = 0 if abs(value.mean) >= SMALL else max(decimals(value.mean), decimals(spread))
    return f"{value.mean:,.{places}f} ±{spread:,.{places}f}"


def decimals(value: float) -> int:
    """How many decimals a figure deserves."""
    return int(abs(value) < SMALL and value != round(value))


def percent(share: float) -> str:
    """A share in percent, never rounded up to a whole it does not reach."""
    shown = f"{100 * share:.3f}"
    return "99.999" if shown == "100.000" and share < 1 else shown
